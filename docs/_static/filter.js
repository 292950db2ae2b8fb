// A field above a table leaves the rows that hold all of its words.
document.addEventListener("DOMContentLoaded", () => {
  for (const field of document.querySelectorAll("input.table-filter")) {
    let table = field.nextElementSibling;
    while (table && !table.querySelector("table") && table.tagName !== "TABLE") {
      table = table.nextElementSibling;
    }
    if (!table) continue;
    const rows = [...table.querySelectorAll("tbody tr")];
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
  }
});
