"use strict";

let statusTimer = 0;

function report(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(statusTimer);
  statusTimer = setTimeout(() => { status.textContent = ""; }, 4000);
}

// The clipboard of browsers works only on pages of a server; pages on disk copy a selection.
function copySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.style.position = "fixed";
  area.style.opacity = "0";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  let copied = false;
  try { copied = document.execCommand("copy"); } catch { copied = false; }
  area.remove();
  if (focused) focused.focus({ preventScroll: true });
  return copied;
}

async function copyLine(text) {
  let copied = false;
  try {
    await navigator.clipboard.writeText(text);
    copied = true;
  } catch {
    copied = copySelection(text);
  }
  report(copied ? `Copied: ${text}` : `Copying is not allowed here: ${text}`);
}
