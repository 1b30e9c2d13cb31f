// The users of a relay, and one of them: balance, tokens, and the ledger that explains it.
import { get } from "../api.js";
import { filter, link } from "../address.js";
import { at, Empty, html, number, t } from "../ui.js";
import { Looking, Money, Table } from "./relay-parts.js";

const BALANCE = new Set(["opening", "credit", "charge"]);
const UNLISTED = "not in the price list"; // as pricing.py writes it beside a hold

export class Users extends Looking {
  state = { rows: null, next: null };

  async ask() {
    const found = await get("relay/users", { after: this.props.address.after });
    return { rows: found.data, next: found.next_after };
  }

  render({ address }, { rows, next }) {
    const text = (address.search ?? "").toLowerCase();
    const shown = (rows ?? []).filter((one) => one.username.toLowerCase().includes(text));
    return html`
      <h1>${t("view.users")}</h1>
      <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
        <label class="grow"><span>${t("search")} <kbd>/</kbd></span>
          <input type="search" value=${address.search ?? ""}
            onInput=${(event) => filter({ search: event.target.value }, { replace: true })} /></label></form>
      ${rows !== null && shown.length === 0 && html`<${Empty} title=${t("users.none")}>
        <pre class="code" tabindex="0" role="group" aria-label=${t("users.none")}>kling-mock user add alice --db $KLING_MOCK_DB --quota 5000000</pre><//>`}
      ${shown.length > 0 && html`<${Table} caption=${t("view.users")}
        columns=${["user", "status", "balance", "held", "used", "tasks"]}
        rows=${shown.map((one) => html`<tr key=${one.id}>
          <th scope="row"><a data-row href=${link("user", { id: one.id, name: one.username })}>${one.username}</a></th>
          <td>${t(`relay.status.${one.status}`)}</td><td><${Money} quota=${one.quota} /></td>
          <td><${Money} quota=${one.held_quota} /></td><td><${Money} quota=${one.used_quota} /></td>
          <td>${number(one.request_count)}</td></tr>`)} />`}
      <nav class="pages" aria-label=${t("pages")}>
        ${next && html`<a href=${link("users", { after: next })}>${t("pages.more")}</a>`}</nav>`;
  }
}

// Each entry with the balance and the holds after it; *totals* are those of now.
export function running(entries, totals) {
  let { quota, held } = totals;
  return entries.map((entry) => {
    const row = { ...entry, quota, held };
    if (BALANCE.has(entry.kind)) quota -= entry.amount;
    else held -= entry.amount;
    return row;
  });
}

export class User extends Looking {
  state = { totals: null, tokens: [], entries: [] };

  async ask() {
    const { id } = this.props.address;
    // The sums and the entries are two replies: what changed between them is asked for again.
    for (let tries = 0; ; tries += 1) {
      const before = await get("relay/reconcile", { user_id: id });
      const [tokens, ledger] = await Promise.all([
        get(`relay/users/${id}/tokens`), get(`relay/users/${id}/ledger`),
      ]);
      const after = await get("relay/reconcile", { user_id: id });
      if (tries === 3 || JSON.stringify(before) === JSON.stringify(after)) {
        return { totals: after.data[0] ?? null, tokens: tokens.data, entries: ledger.data };
      }
    }
  }

  render({ address }, { totals, tokens, entries }) {
    const rows = totals === null ? [] : running(entries, totals);
    return html`
      <p><a href=${link("users")}>← ${t("view.users")}</a></p>
      <h1>${totals?.username ?? address.name ?? t("relay.user")}</h1>
      ${totals !== null && html`
        <p class=${totals.is_explained ? "good" : "bad"}><b>${totals.is_explained
          ? `✓ ${t("ledger.explained")}` : `✕ ${t("ledger.unexplained")}`}</b></p>
        <dl class="facts">${["quota", "held", "charged", "credits", "opening", "uncollected"].map((name) => html`
          <div key=${name}><dt>${t(`ledger.${name}`)}</dt><dd><${Money} quota=${totals[name]} /></dd></div>`)}</dl>`}
      <h2>${t("relay.tokens")}</h2>
      <${Table} caption=${t("relay.tokens")} columns=${["token", "status", "remaining", "held", "used"]}
        rows=${tokens.map((one) => html`<tr key=${one.id}><th scope="row">${one.name}</th>
          <td>${t(`relay.status.${one.status}`)}</td>
          <td>${one.unlimited ? t("relay.unlimited") : html`<${Money} quota=${one.remain_quota} />`}</td>
          <td><${Money} quota=${one.held_quota} /></td><td><${Money} quota=${one.used_quota} /></td></tr>`)} />
      <h2>${t("ledger")}</h2>
      <button type="button" onClick=${() => save(rows)}>${t("ledger.csv")}</button>
      <${Table} caption=${t("ledger")} columns=${["time", "kind", "reference", "amount", "balance", "held", "note"]}
        rows=${rows.map((one) => html`<tr key=${one.id}><th scope="row"><time>${at(one.created_at)}</time></th>
          <td>${t(`ledger.kind.${one.kind}`)}</td><td class="id">${one.reference}</td>
          <td class=${one.amount < 0 ? "bad" : ""}><${Money} quota=${one.amount} />
            ${one.uncollected > 0 && html` <span class="bad">${t("ledger.uncollected")}: <${Money} quota=${one.uncollected} /></span>`}</td>
          <td><${Money} quota=${one.quota} /></td><td><${Money} quota=${one.held} /></td>
          <td class=${`note${one.note.includes(UNLISTED) ? " bad" : ""}`}>${one.note}</td></tr>`)} />
      ${entries.length >= 100 && html`<p class="quiet">${t("ledger.newest", { n: entries.length })}</p>`}`;
  }
}

// A text that begins like a formula would be one in a spreadsheet.
const cell = (value) => {
  const text = String(value);
  const tame = /^[=+@\t\r]|^-(?![0-9])/.test(text) ? `'${text}` : text;
  return `"${tame.replaceAll('"', '""')}"`;
};

function save(rows) {
  const names = ["id", "created_at", "kind", "reference", "token_id", "channel_id", "amount",
    "uncollected", "quota", "held", "note"];
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  const file = new Blob([lines.map((line) => line.map(cell).join(",")).join("\r\n")], { type: "text/csv" });
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(file);
  anchor.download = "ledger.csv";
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
}
