// The channels of a relay: where they lead, whether they are well, what they have cost.
import { get } from "../api.js";
import { html, t } from "../ui.js";
import { Looking, Money, Table } from "./relay-parts.js";

export class Channels extends Looking {
  state = { rows: null, health: {} };

  async ask() {
    const [found, health] = await Promise.all([
      get("relay/channels"), fetch("../health").then((reply) => reply.json()),
    ]);
    return { rows: found.data, health };
  }

  render(_, { rows, health }) {
    const ill = new Map((health.degraded ?? []).map((one) => [one.channel, one.reason]));
    return html`
      <h1>${t("view.channels")}</h1>
      <${Table} caption=${t("view.channels")}
        columns=${["channel", "status", "health", "address", "models", "order", "keys", "used"]}
        rows=${(rows ?? []).map((one) => html`<tr key=${one.id}><th scope="row">${one.name}</th>
          <td>${t(`relay.status.${one.status}`)}</td>
          <td class=${ill.has(one.id) ? "bad" : "good"}>${ill.has(one.id)
            ? `✕ ${t(`channel.${ill.get(one.id)}`)}` : `✓ ${t("channel.well")}`}</td>
          <td class="id">${one.base_url}<br /><span class="quiet">${one.service}</span></td>
          <td>${one.models || t("any")}</td><td>${one.priority} / ${one.weight}</td>
          <td class="id">${one.keys.join(" ")}</td><td><${Money} quota=${one.used_quota} /></td></tr>`)} />`;
  }
}
