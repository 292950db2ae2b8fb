"use strict";
const pages = document.querySelectorAll("script[type='application/json']");
document.documentElement.dataset.views = pages.length;
document.documentElement.dataset.drawn = 0;
for (const page of pages) {
  const box = document.getElementById(page.dataset.view);
  const given = JSON.parse(page.textContent);
  const done = () => { document.documentElement.dataset.drawn++; };
  Plotly.newPlot(box, given.traces, given.layout,
    {displaylogo: false, responsive: true, scrollZoom: true, showSendToCloud: false,
     modeBarButtons: [["orbitRotation", "pan3d", "zoom3d", "resetCameraDefault3d"]]})
    .then(done);
  for (const button of document.querySelectorAll(`button[data-view='${page.dataset.view}']`)) {
    button.addEventListener("click", () => {
      for (const other of button.parentElement.children) {
        other.setAttribute("aria-pressed", other === button);
      }
      const [seen, change] = given.choices[Number(button.dataset.choice)];
      Plotly.update(box, {visible: seen}, change);
    });
  }
}
