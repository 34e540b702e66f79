// Takes whoever edits a catalogue to the line that is wrong.
"use strict";

for (const place of document.querySelectorAll("textarea[data-line]")) {
  const lines = place.value.split("\n");
  const line = Math.min(Number(place.dataset.line), lines.length);
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  place.focus({ preventScroll: true });
  place.setSelectionRange(start, start + lines[line - 1].length);
  place.scrollTop = Math.max(0, (line - 6) * (place.scrollHeight / lines.length));
}
