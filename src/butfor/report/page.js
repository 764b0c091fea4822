"use strict";
// Sorting and filtering of the per-item tables. Without it the tables are whole and sorted by the size of the change.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  const value = (row, i) => row.cells[i].dataset.v === undefined ? row.cells[i].textContent : Number(row.cells[i].dataset.v);
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const sign = up ? 1 : -1;
      rows.sort((a, b) => {
        const x = value(a, i), y = value(b, i);
        return sign * (typeof x === "number" ? x - y : x.localeCompare(y));
      });
      body.append(...rows);
    });
  });
  const label = document.createElement("label"), box = document.createElement("input"), count = document.createElement("output");
  label.className = "filter";
  box.type = "search";
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase();
    let shown = 0;
    for (const row of rows) shown += !(row.hidden = !row.textContent.toLowerCase().includes(wanted));
    count.textContent = wanted ? `${shown} of ${rows.length}` : "";
  });
  label.append("Filter ", box, count);
  table.closest(".scroll").before(label);
}
