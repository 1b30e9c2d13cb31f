// A relay at a glance: is it well, what is open, and what the last days have brought.
import { get } from "../api.js";
import { at, html, number, span, t } from "../ui.js";
import { Looking, Money, Table } from "./relay-parts.js";

export class Overview extends Looking {
  state = { counts: null, stats: null, health: null };

  async ask() {
    const [counts, stats, health] = await Promise.all([
      get("relay/overview"), get("relay/stats"),
      fetch("../health").then((reply) => reply.json()),
    ]);
    return { counts, stats, health };
  }

  render(_, { counts, stats, health }) {
    if (counts === null) return html`<h1>${t("view.overview")}</h1>`;
    const well = health.status === "ok" && !health.degraded;
    return html`
      <h1>${t("view.overview")}</h1>
      <p class=${well ? "good" : "bad"}><b>${well ? `✓ ${t("relay.well")}` : `✕ ${t("relay.unwell")}`}</b>
        ${!well && html` <span class="id">${JSON.stringify(health.degraded ?? health)}</span>`}</p>
      <dl class="facts">${Object.entries(counts).map(([name, value]) => html`
        <div key=${name}><dt>${t(`relay.${name}`)}</dt><dd>${number(value)}</dd></div>`)}</dl>
      <h2>${t("relay.days")}</h2>
      <${Table} caption=${t("relay.days")} columns=${["day", "total", "succeeded", "failed", "charged"]}
        rows=${stats.data.map((row) => html`<tr key=${row.day}><th scope="row">${at(row.day).slice(0, 10)}</th>
          <td>${number(row.total)}</td><td>${number(row.succeeded)}</td><td>${number(row.failed)}</td>
          <td><${Money} quota=${row.charged} /></td></tr>`)} />
      <h2>${t("relay.stuck")}</h2>
      ${stats.stuck.length === 0 ? html`<p class="quiet">${t("relay.stuck.none")}</p>`
        : html`<ul>${stats.stuck.map((row) => html`<li key=${row.stuck}><span class="id">${row.stuck}</span>
          ${" "}${t(`status.${row.status}`)}, ${span(Date.now() / 1000 - row.created_at)}</li>`)}</ul>`}`;
  }
}
