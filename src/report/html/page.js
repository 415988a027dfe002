"use strict";
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const find = $("#find"), status = $("#status"), shown_count = $("#shown-count"), severe = $("#severe"), help = $("#help");
  const changes = $$(".change"), dangers = $$(".dangers > li"), clusters = $$(".cluster");
  const state = { words: [], claim: null, environment: null, severe: false };

  // Each thing knows its claims, environments and words; the words are the text that is shown.
  const list = (it, name) => JSON.parse(it.dataset[name] || "[]");
  const known = [...changes, ...dangers, ...clusters].map((it) => ({
    it, claims: list(it, "claims"), environments: list(it, "environments"), severe: it.dataset.severe === "true",
    text: it.textContent.toLowerCase(),
  }));
  const fits = (one) =>
    (state.claim === null || one.claims.includes(state.claim)) &&
    (state.environment === null || one.environments.includes(state.environment)) &&
    (!state.severe || one.severe) &&
    state.words.every((word) => one.text.includes(word));

  function apply() {
    for (const one of known) one.it.hidden = !fits(one);
    for (const card of $$(".claim")) card.hidden = !$$(".change", card).some((it) => !it.hidden);
    for (const section of $$("section[data-of]")) {
      const inner = $$(section.dataset.of, section);
      section.hidden = inner.length > 0 && inner.every((it) => it.hidden);
    }
    const shown = changes.filter((it) => !it.hidden).length;
    const filtered = state.claim !== null || state.environment !== null || state.severe || state.words.length > 0;
    const parts = [state.claim, state.environment && "in " + state.environment].filter(Boolean).join(" ");
    shown_count.textContent = shown + " of " + changes.length + " changes" + (parts ? ": " + parts : "");
    status.hidden = !filtered;
    $("#empty").hidden = shown > 0 || !filtered;
    for (const button of $$(".matrix button")) {
      const claim = button.dataset.claim ?? null, environment = button.dataset.environment ?? null;
      const on = (claim !== null || environment !== null) && claim === state.claim && environment === state.environment;
      button.setAttribute("aria-pressed", String(on));
    }
    severe?.setAttribute("aria-pressed", String(state.severe));
  }

  function choose(claim, environment) {
    const same = state.claim === claim && state.environment === environment;
    state.claim = same ? null : claim;
    state.environment = same ? null : environment;
    apply();
  }

  function clear() {
    Object.assign(state, { words: [], claim: null, environment: null, severe: false });
    find.value = "";
    apply();
  }

  const all = (open) => changes.filter((it) => !it.hidden).forEach((it) => { it.open = open; });
  function step(by) {
    const open = changes.filter((it) => !it.hidden);
    const at = open.findIndex((it) => it.contains(document.activeElement));
    const next = open[at < 0 ? (by > 0 ? 0 : open.length - 1) : Math.min(open.length - 1, Math.max(0, at + by))];
    next?.firstElementChild.focus();
  }

  find.addEventListener("input", () => {
    state.words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    apply();
  });
  for (const button of $$(".matrix button"))
    button.addEventListener("click", () => choose(button.dataset.claim ?? null, button.dataset.environment ?? null));
  $("#clear").addEventListener("click", clear);
  $("#open").addEventListener("click", () => all(true));
  $("#close").addEventListener("click", () => all(false));
  severe?.addEventListener("click", () => { state.severe = !state.severe; apply(); });
  $("#keys").addEventListener("click", () => help.showModal());

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const typing = event.target === find;
    if (event.key === "Escape") { clear(); find.blur(); return; }
    if (typing) return;
    const act = {
      "/": () => find.focus(), "j": () => step(1), "k": () => step(-1), "e": () => all(true), "c": () => all(false),
      "d": () => severe?.click(), "?": () => help.showModal(),
    }[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // On paper nothing unfolds.
  let folded = [];
  addEventListener("beforeprint", () => { folded = changes.filter((it) => !it.open); folded.forEach((it) => { it.open = true; }); });
  addEventListener("afterprint", () => { folded.forEach((it) => { it.open = false; }); });
  apply();
})();
