// Fetches the changing part of a page again while it says that it is still moving.
"use strict";

// What differs between two answers that say the same.
const TOKEN = /name="csrfmiddlewaretoken" value="[^"]*"/g;

for (const place of document.querySelectorAll("[data-refresh]")) {
  const pause = Number(place.dataset.seconds) * 1000;
  let shown = "";

  const again = async () => {
    if (!place.querySelector("[data-refresh-on]")) return;
    if (!document.hidden) {
      try {
        const answer = await fetch(place.dataset.refresh, { redirect: "error" });
        const text = answer.ok ? await answer.text() : shown;
        const said = text.replaceAll(TOKEN, "");
        // The same again is not put in again: it would take the focus from whoever is at the keys.
        if (answer.ok && said !== shown) {
          place.innerHTML = text;
          shown = said;
        }
      } catch (failure) {
        // The server is away or the session has ended: keep what is shown and ask again.
      }
    }
    setTimeout(again, pause);
  };

  setTimeout(again, pause);
}
