"use strict";
const body = document.querySelector("#entries tbody");
const rows = [...body.rows];
const heads = [...document.querySelectorAll("#entries thead th")];
const field = document.getElementById("search");
const count = document.getElementById("count");
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

function filter() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const fits = words.every((word) => texts.get(row).includes(word));
    row.hidden = !fits;
    shown += fits;
  }
  count.textContent = `${shown} of ${rows.length} entries`;
}

function sort(column) {
  const head = heads[column];
  const up = head.getAttribute("aria-sort") !== "ascending";
  const number = head.classList.contains("number");
  const value = (row) => row.cells[column].dataset.value;
  for (const other of heads) { other.removeAttribute("aria-sort"); }
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  rows.sort((one, two) => {
    const a = value(one), b = value(two);
    // Entries without a value come last either way.
    if (a === "" || b === "") { return (a === "") - (b === ""); }
    const order = number ? Number(a) - Number(b) : a.localeCompare(b, undefined, {numeric: true});
    return up ? order : -order;
  });
  body.append(...rows);
}

for (const [column, head] of heads.entries()) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => sort(column));
}
field.addEventListener("input", filter);
document.querySelector(".search").hidden = false;
filter();
