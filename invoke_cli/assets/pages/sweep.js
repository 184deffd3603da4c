const cells = [...document.querySelectorAll("td")];

function lineOf(cell) {
  const line = cell.querySelector("code");
  return line ? line.textContent : "";
}

function neighbour(cell, down, right) {
  const row = cell.parentElement;
  const column = [...row.querySelectorAll("td")].indexOf(cell);
  if (right) return row.querySelectorAll("td")[column + right];
  const rows = [...document.querySelectorAll("tbody tr")];
  const other = rows[rows.indexOf(row) + down];
  return other && other.querySelectorAll("td")[column];
}

// Sticky heads cover a part of the table, so that the browser's own scrolling into view is not enough.
function show(cell) {
  const box = cell.closest(".table");
  const heads = box.querySelector("thead");
  const top = heads ? heads.getBoundingClientRect().height : 0;
  const side = cell.parentElement.querySelector("th");
  const left = side ? side.getBoundingClientRect().width : 0;
  const frame = box.getBoundingClientRect();
  const place = cell.getBoundingClientRect();
  box.scrollTop += Math.min(0, place.top - frame.top - top) || Math.max(0, place.bottom - frame.bottom);
  box.scrollLeft += Math.min(0, place.left - frame.left - left) || Math.max(0, place.right - frame.right);
  box.scrollIntoView({ block: "nearest" });
}

function focusCell(cell) {
  if (!cell) return;
  for (const each of cells) each.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus({ preventScroll: true });
  show(cell);
}

const moves = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const cell = document.activeElement.closest("td");
  if (event.key in moves) {
    event.preventDefault();
    focusCell(cell ? neighbour(cell, ...moves[event.key]) : cells[0]);
  } else if (event.key === "Home" || event.key === "End") {
    event.preventDefault();
    focusCell(event.key === "Home" ? cells[0] : cells[cells.length - 1]);
  } else if (cell && event.key === "c") {
    copyLine(lineOf(cell));
  } else if (cell === document.activeElement && event.key === "Enter") {
    const link = cell.querySelector("a");
    if (link) link.click();
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) copyLine(button.querySelector("code").textContent);
});

if (cells.length) cells[0].tabIndex = 0;
