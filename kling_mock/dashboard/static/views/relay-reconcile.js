// Whether the ledger explains every balance.
import { get } from "../api.js";
import { link } from "../address.js";
import { html, t } from "../ui.js";
import { Looking, Money, Table } from "./relay-parts.js";

export class Reconcile extends Looking {
  state = { rows: null };

  async ask() {
    return { rows: (await get("relay/reconcile")).data };
  }

  render(_, { rows }) {
    const wrong = (rows ?? []).filter((one) => !one.is_explained).length;
    return html`
      <h1>${t("view.reconcile")}</h1>
      ${rows !== null && html`<p class=${wrong ? "bad" : "good"}><b>${wrong
        ? `✕ ${t("reconcile.wrong", { n: wrong })}` : `✓ ${t("reconcile.right", { n: rows.length })}`}</b></p>`}
      <${Table} caption=${t("view.reconcile")}
        columns=${["user", "verdict", "opening", "credits", "charged", "balance", "difference", "held", "uncollected"]}
        rows=${(rows ?? []).map((one) => html`<tr key=${one.user_id}>
          <th scope="row"><a data-row href=${link("user", { id: one.user_id, name: one.username })}>${one.username}</a></th>
          <td class=${one.is_explained ? "good" : "bad"}>${one.is_explained ? "✓" : "✕"}
            ${" "}${t(one.is_explained ? "ledger.explained" : "ledger.unexplained")}</td>
          ${[one.opening, one.credits, one.charged, one.quota, one.difference, one.held, one.uncollected].map((value, place) => html`
            <td key=${place}><${Money} quota=${value} /></td>`)}</tr>`)} />`;
  }
}
