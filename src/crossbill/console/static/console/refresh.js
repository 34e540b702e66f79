// Fetches the changing part of a page again while it says that it is still moving.
"use strict";

for (const place of document.querySelectorAll("[data-refresh]")) {
  const pause = Number(place.dataset.seconds) * 1000;

  const again = async () => {
    if (!place.querySelector("[data-refresh-on]")) return;
    if (!document.hidden) {
      try {
        const answer = await fetch(place.dataset.refresh, { redirect: "error" });
        if (answer.ok) place.innerHTML = await answer.text();
      } catch (failure) {
        // The server is away or the session has ended: keep what is shown and ask again.
      }
    }
    setTimeout(again, pause);
  };

  setTimeout(again, pause);
}
