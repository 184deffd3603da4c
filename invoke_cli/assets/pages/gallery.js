const TILE_WIDTH = 188;
const TILE_HEIGHT = 226;
const SPARE_ROWS = 2;
const MAX_RELATIVES = 60;

const { title, images } = JSON.parse(document.getElementById("data").textContent);
const list = document.getElementById("list");
const sheet = document.getElementById("sheet");
const detail = document.getElementById("detail");
const filter = document.getElementById("filter");
const count = document.getElementById("count");
const byNumber = new Map(images.map((image) => [image.number, image]));
const tiles = new Map(); // the tiles in the page, by their place among those that match

let matching = images;
let chosen = images[0] || null;
let columns = 1;

for (const image of images) {
  const parts = [`[${image.number}]`, image.line, image.created, image.sheet, rated(image), ...image.tags];
  image.text = parts.join(" ").toLowerCase();
}

function rated(image) {
  return image.rating ? `rated ${image.rating}` : "";
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// -- the list: only what is in the window is in the page -----------------------------------------------------------

function tileOf(image, place) {
  const preview = image.thumbnail
    ? element("img", { src: image.thumbnail, alt: "", decoding: "async" })
    : element("div", { className: "none", textContent: "no preview" });
  const marks = [rated(image), ...image.tags].filter(Boolean).join(", ");
  const caption = element("div", { className: "caption" }, element("b", { textContent: `[${image.number}] ` }));
  caption.append(marks ? `${marks}: ${image.line}` : image.line);
  const tile = element("div", { className: "tile", id: `image-${image.number}`, title: image.line }, preview, caption);
  tile.setAttribute("role", "option");
  tile.setAttribute("aria-posinset", place + 1);
  tile.setAttribute("aria-setsize", matching.length);
  tile.setAttribute("aria-label", `${image.number}: ${image.line}`);
  tile.addEventListener("click", () => choose(image));
  return tile;
}

function draw() {
  columns = Math.max(1, Math.floor(list.clientWidth / TILE_WIDTH));
  sheet.style.height = `${Math.ceil(matching.length / columns) * TILE_HEIGHT}px`;
  const firstRow = Math.floor(list.scrollTop / TILE_HEIGHT) - SPARE_ROWS;
  const lastRow = Math.ceil((list.scrollTop + list.clientHeight) / TILE_HEIGHT) + SPARE_ROWS;
  const first = Math.max(0, firstRow * columns);
  const last = Math.min(matching.length, lastRow * columns);
  for (const [place, tile] of tiles) {
    if (place < first || place >= last) {
      tile.remove();
      tiles.delete(place);
    }
  }
  const width = list.clientWidth / columns;
  for (let place = first; place < last; place += 1) {
    if (!tiles.has(place)) {
      tiles.set(place, tileOf(matching[place], place));
      sheet.append(tiles.get(place));
    }
    const style = tiles.get(place).style;
    style.left = `${(place % columns) * width}px`;
    style.top = `${Math.floor(place / columns) * TILE_HEIGHT}px`;
    style.width = `${width}px`;
    style.height = `${TILE_HEIGHT}px`;
    tiles.get(place).setAttribute("aria-selected", matching[place] === chosen);
  }
  list.setAttribute("aria-activedescendant", chosen ? `image-${chosen.number}` : "");
}

function reveal(place) {
  const top = Math.floor(place / columns) * TILE_HEIGHT;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + TILE_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + TILE_HEIGHT - list.clientHeight;
}

// -- the chosen image ----------------------------------------------------------------------------------------------

function choose(image) {
  chosen = image;
  describe();
  draw(); // the description changes the width of the list
  const place = matching.indexOf(image);
  if (place >= 0) reveal(place);
  draw();
}

function relative(name, number) {
  const image = byNumber.get(number);
  if (!image) return element("span", { textContent: number === null ? name : `[${number}] ${name}`.trim() });
  const button = element("button", { type: "button", title: image.line });
  if (image.thumbnail) button.append(element("img", { src: image.thumbnail, alt: "" }));
  button.append(`[${number}]`);
  button.addEventListener("click", () => {
    if (!matching.includes(image)) show("");
    choose(image);
  });
  return button;
}

function relatives(heading, pairs) {
  if (!pairs.length) return [];
  const shown = pairs.slice(0, MAX_RELATIVES).map(([name, number]) => relative(name, number));
  if (pairs.length > MAX_RELATIVES) shown.push(element("span", { textContent: `and ${pairs.length - MAX_RELATIVES} more` }));
  return [element("h2", { textContent: heading }), element("div", { className: "relatives" }, ...shown)];
}

function describe() {
  detail.replaceChildren();
  if (!chosen) return;
  const facts = [`[${chosen.number}]`, chosen.sheet, chosen.created.slice(0, 16).replace("T", " "), rated(chosen), ...chosen.tags];
  const copy = element("button", { type: "button", textContent: "Copy the line" });
  const line = chosen.line;
  copy.addEventListener("click", () => copyLine(line));
  const large = element("a", { href: chosen.file }, element("img", { src: chosen.file, alt: chosen.line }));
  detail.append(
    ...(chosen.thumbnail ? [large] : []),
    element("p", { textContent: facts.filter(Boolean).join(", ") }),
    element("code", { textContent: chosen.line }),
    copy,
    ...relatives("Generated from", chosen.parents),
    ...relatives("Used for", chosen.children.map((number) => ["", number])),
  );
}

// -- the filter ----------------------------------------------------------------------------------------------------

function show(text) {
  filter.value = text;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  matching = images.filter((image) => words.every((word) => image.text.includes(word)));
  count.textContent = words.length ? `${matching.length} of ${images.length} images` : `${images.length} images`;
  for (const tile of tiles.values()) tile.remove();
  tiles.clear();
  if (!matching.includes(chosen)) chosen = matching[0] || null;
  describe();
  list.scrollTop = 0;
  draw();
}

// -- keys ----------------------------------------------------------------------------------------------------------

function steps() {
  const page = Math.max(1, Math.floor(list.clientHeight / TILE_HEIGHT)) * columns;
  return {
    ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page,
    Home: -matching.length, End: matching.length,
  };
}

function move(by) {
  const place = matching.indexOf(chosen) + by;
  choose(matching[Math.min(matching.length - 1, Math.max(0, place))]);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = document.activeElement === filter;
  const by = steps()[event.key];
  if (event.key === "Escape") {
    show("");
    list.focus();
  } else if (typing) {
    if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    list.focus();
  } else if (event.key === "/") {
    filter.focus();
    filter.select();
  } else if (by !== undefined && matching.length) {
    move(by);
  } else if (event.key === "c" && chosen) {
    copyLine(chosen.line);
  } else if (event.key === "Enter" && chosen && document.activeElement === list) {
    detail.querySelector("a")?.click();
  } else {
    return;
  }
  event.preventDefault();
}

document.querySelector("h1").textContent = title;
document.addEventListener("keydown", pressed);
filter.addEventListener("input", () => show(filter.value));
list.addEventListener("scroll", draw, { passive: true });
window.addEventListener("resize", draw);
show("");
list.focus();
