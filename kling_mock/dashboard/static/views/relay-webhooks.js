// Webhooks to users, and reports that were not applied.
import { get } from "../api.js";
import { at, html, t } from "../ui.js";
import { Looking, Table } from "./relay-parts.js";

export class Webhooks extends Looking {
  state = { notices: null, reports: [] };

  async ask() {
    const [notices, reports] = await Promise.all([get("relay/notices"), get("relay/reports")]);
    return { notices: notices.data, reports: reports.data };
  }

  render(_, { notices, reports }) {
    const hidden = (url) => url.replace(/[?#].*$/, "");
    const table = (rows, caption, what) => (rows.length === 0 ? html`<p class="quiet">${t("relay.none")}</p>`
      : html`<${Table} caption=${caption} columns=${["time", "task", "status", "detail"]} rows=${rows.map((one) => html`
        <tr key=${one.id}><th scope="row"><time>${at(one.created_at ?? one.first_at)}</time></th>
          <td class="id">${one.task_id}</td><td>${t(`notice.${one.state ?? one.status}`)}</td>
          <td class="id">${what(one)}</td></tr>`)} />`);
    return html`
      <h1>${t("view.webhooks")}</h1>
      ${table(notices ?? [], t("view.webhooks"), (one) => `${hidden(one.url)} ${one.http_status || one.error}`)}
      <h2>${t("relay.reports")}</h2>
      ${table(reports, t("relay.reports"), (one) => `${one.source} × ${one.seen}`)}`;
  }
}
