// Accounts: what they may have at once, what they have paid for, and what is left of it.
import { ask, get } from "../api.js";
import { link } from "../address.js";
import { on } from "../store.js";
import { announce, Component, Empty, Gauge, html, number, t } from "../ui.js";

// What a call gets that an account has no units, no right, no rate or no slot for.
const LIMITS = [1102, 1103, 1302, 1303];

export class Accounts extends Component {
  state = { rows: null };

  componentDidMount() {
    this.off = [
      on("accounts", () => this.soon()),
      on("reload", () => this.load()),
    ];
    this.load();
  }

  componentWillUnmount() {
    this.off.forEach((end) => end());
    clearTimeout(this.later);
  }

  soon() {
    this.later ??= setTimeout(() => { this.later = undefined; this.load(); }, 60);
  }

  async load() {
    try {
      this.setState({ rows: (await get("accounts")).data });
    } catch (error) {
      announce(error.message, true);
    }
  }

  async set(name, changes) {
    try {
      await ask("PATCH", `accounts/${encodeURIComponent(name)}`, changes);
      announce(t("account.changed", { name }));
    } catch (error) {
      announce(error.message, true);
    }
    this.load();
  }

  render(_, { rows }) {
    return html`
      <h1>${t("view.accounts")}</h1>
      <ul class="cards accounts">${(rows ?? []).map((one) => html`<li class="card" key=${one.account}>
        <div class="card-text">
          <h2>${one.account}</h2>
          <p class="quiet"><a href=${link("tasks", { account: one.account, status: "processing" })}>
            ${t("account.open", { n: one.open_tasks })}</a>
            ${LIMITS.map((code) => html` · <a key=${code}
              href=${link("requests", { account: one.account, code })}>${t("account.refused", { code })}</a>`)}</p>
          ${one.usage.map((use) => html`<${Gauge} key=${use.type} value=${use.busy} most=${use.slots ?? 0}
            label=${t("account.slots", { pack: t(`pack.${use.type}`) })}
            text=${use.slots === null ? t("account.slots.free", { n: use.busy }) : `${use.busy} / ${use.slots}`} />`)}
          ${one.packs.length === 0 && html`<p class="quiet">${t("account.postpaid")}</p>`}
          ${one.packs.map((pack) => html`<${Gauge} key=${pack.pack_id} value=${pack.remaining} most=${pack.total}
            label=${`${pack.name} · ${t(`pack.status.${pack.status}`)}`}
            text=${t("account.units", { left: number(pack.remaining), total: number(pack.total) })} />`)}
          <form class="settings" onSubmit=${(event) => event.preventDefault()}>
            <label><input type="checkbox" checked=${one.disabled}
              onChange=${(event) => this.set(one.account, { disabled: event.target.checked })} />
              ${t("account.disabled")}</label>
            <label><input type="checkbox" checked=${one.in_arrears}
              onChange=${(event) => this.set(one.account, { in_arrears: event.target.checked })} />
              ${t("account.arrears")}</label>
            <label>${t("account.set-slots")}
              <input type="number" class="short" min="0" value=${one.slots ?? ""}
                onChange=${(event) => this.set(one.account,
                  { slots: event.target.value === "" ? null : Number(event.target.value) })} /></label>
          </form>
          <p class="quiet">${t("account.keys", { pairs: one.key_pairs.filter((key) => key.active).length,
            keys: one.api_keys.filter((key) => key.active).length })}
            ${" · "}${t("account.secrets", { n: one.webhook_secrets })}</p>
        </div>
      </li>`)}</ul>
      ${rows !== null && rows.length === 1 && html`<${Empty} title=${t("accounts.one")}>
        <pre class="code" tabindex="0" role="group" aria-label=${t("accounts.one")}>curl -s -X POST ${location.origin}/__kling/accounts -H "Authorization: Bearer $ADMIN_TOKEN" -d '{"account": "acme"}'</pre><//>`}`;
  }
}
