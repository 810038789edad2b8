
(() => {
  const table = document.getElementById("rows"), form = document.getElementById("rows-filter");
  if (!table || !form) return;
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows].map((el) => ({ el, cells: [...el.cells].map((c) => c.textContent), words: el.textContent.toLowerCase() }));
  const text = document.getElementById("rows-text"), outcome = document.getElementById("rows-outcome");
  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const r of rows) {
      const fits = (outcome.value === "" || outcome.value === r.el.dataset.outcome) && words.every((w) => r.words.includes(w));
      r.el.hidden = !fits;
      if (fits) shown++;
    }
    document.getElementById("rows-shown").textContent = shown + " of " + rows.length + " shown";
  };
  const sort = (at) => {
    const down = heads[at].getAttribute("aria-sort") === "ascending", numeric = heads[at].classList.contains("n");
    for (const h of heads) h.removeAttribute("aria-sort");
    heads[at].setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (r) => (numeric ? (r.cells[at] === "" ? NaN : Number(r.cells[at])) : r.cells[at]);
    rows.sort((a, b) => {
      const x = value(a), y = value(b);
      if (numeric) {
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return down ? y - x : x - y;
      }
      return down ? y.localeCompare(x) : x.localeCompare(y);
    });
    body.append(...rows.map((r) => r.el));
  };
  heads.forEach((h, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = h.textContent;
    h.replaceChildren(button);
    button.addEventListener("click", () => sort(at));
  });
  form.addEventListener("input", apply);
  form.addEventListener("submit", (e) => e.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  form.hidden = false;
  apply();
})();
