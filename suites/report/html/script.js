"use strict";
(() => {
  const form = document.getElementById("filter");
  const reveal = () => {
    let card = null;
    try { card = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { return; }
    if (!card || !card.matches("details.r")) return;
    if (card.hidden && form) { form.reset(); }
    card.open = true;
    card.scrollIntoView({ block: "start" });
    card.tabIndex = -1; // its summary would take what is left of the key that led here, and close it again
    card.focus({ preventScroll: true });
  };
  if (form) {
    const text = document.getElementById("f-text"), section = document.getElementById("f-section"), level = document.getElementById("f-level");
    const verdicts = [...form.querySelectorAll("button[data-verdict]")];
    const groups = [...document.querySelectorAll(".group")].map((el) => ({
      el,
      cards: [...el.querySelectorAll(".r")].map((card) => {
        // A row of a table is searched as it is, a card without its bytes; a card
        // below a table also by what it is about.
        const about = card.closest(".about");
        const parts = card.matches("tr") ? [card] : [card.querySelector("summary"), card.querySelector(".meta"), card.querySelector(".evidence"), about && about.querySelector("h5")];
        return { card, words: parts.map((part) => (part ? part.textContent : "")).join(" ").toLowerCase() };
      }),
    }));
    const all = groups.flatMap((g) => g.cards);
    const rows = all.filter(({ card }) => card.matches("tr"));
    const counted = rows.length > 0 ? rows : all;
    const apply = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = verdicts.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.verdict);
      for (const g of groups) {
        const here = section.value === "" || section.value === g.el.dataset.key || section.value === g.el.dataset.protocol;
        let any = false;
        for (const { card, words: has } of g.cards) {
          const fits = here && (level.value === "" || level.value === card.dataset.level) &&
            (wanted.length === 0 || wanted.includes(card.dataset.verdict)) && words.every((w) => has.includes(w));
          card.hidden = !fits;
          if (fits) any = true;
        }
        g.el.hidden = !any;
      }
      for (const p of document.querySelectorAll("section.protocol")) p.hidden = !p.querySelector("section.group:not([hidden])");
      const shown = counted.filter(({ card }) => !card.hidden).length;
      const filtered = shown < counted.length;
      for (const fold of document.querySelectorAll("details.fold")) {
        const any = fold.querySelector(".r:not([hidden])") !== null;
        fold.hidden = !any;
        fold.open = any && filtered;
      }
      document.getElementById("none").hidden = shown > 0;
      document.getElementById("f-shown").textContent = shown + " of " + counted.length + " shown";
    };
    const each = (open) => { for (const { card } of all) if (!card.hidden && card.matches("details")) card.open = open; };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (e) => e.preventDefault());
    form.addEventListener("reset", () => {
      for (const b of verdicts) b.setAttribute("aria-pressed", "false");
      setTimeout(apply);
    });
    for (const b of verdicts) {
      b.addEventListener("click", () => {
        b.setAttribute("aria-pressed", b.getAttribute("aria-pressed") === "true" ? "false" : "true");
        apply();
      });
    }
    document.getElementById("f-open").addEventListener("click", () => each(true));
    document.getElementById("f-close").addEventListener("click", () => each(false));
    form.hidden = false;
    apply();
  }
  // What is there to be pasted gets a button; without a script it is selected by a click.
  for (const place of document.querySelectorAll(".paste")) {
    const button = document.createElement("button"), code = place.querySelector("code");
    button.type = "button";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      let done = true;
      try { await navigator.clipboard.writeText(code.textContent); } catch {
        getSelection().selectAllChildren(code);
        done = document.execCommand("copy");
      }
      button.textContent = done ? "copied" : "selected";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    place.append(button);
  }
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (e) => {
    const a = e.target.closest("a");
    if (a && location.hash && a.getAttribute("href") === location.hash) reveal();
  });
  reveal();
})();
