// Callbacks: what was sent, what came back, whether its signature holds, and once more.
import { ask, get } from "../api.js";
import { filter, link } from "../address.js";
import { now, on } from "../store.js";
import { announce, at, Code, Component, Empty, html, span, Status, t } from "../ui.js";

const PAGE = 50;
const TOLERANCE = 300; // seconds by which Standard Webhooks lets a date be wrong
const STATES = ["pending", "delivered", "failed", "dropped", "blocked"];

export async function replay(delivery, resign) {
  try {
    await ask("POST", `deliveries/${encodeURIComponent(delivery.delivery_id)}/replay`, { resign });
    const { data } = await get("deliveries", { task_id: delivery.task_id, limit: 200 });
    const attempt = data.find((one) => one.delivery_id === delivery.delivery_id)?.attempts.at(-1);
    announce(t("callback.replayed", { status: attempt?.status || attempt?.error || t("no-answer") }));
  } catch (error) {
    announce(error.message, true);
  }
}

// What is sent is a delivery of its own, which is opened.
async function sendChanged(event, delivery) {
  event.preventDefault();
  const { body, url, resign } = Object.fromEntries(new FormData(event.target));
  const changes = { resign: resign !== undefined };
  if (body !== delivery.body) changes.body = body;
  if (url) changes.url = url;
  try {
    const sent = await ask("POST", `deliveries/${encodeURIComponent(delivery.delivery_id)}/replay`, changes);
    location.hash = link("callbacks", { id: sent.delivery_id, task: delivery.task_id });
    announce(t("callback.sent"));
  } catch (error) {
    announce(error.message, true);
  }
}

function Change({ delivery }) {
  return html`<details class="change"><summary>${t("callback.change")}</summary>
    <form class="fault-form" onSubmit=${(event) => sendChanged(event, delivery)}>
      <label class="wide">${t("callback.body")}
        <textarea name="body" rows="6" spellcheck="false" defaultValue=${delivery.body}></textarea></label>
      <label class="wide">${t("callback.url")}
        <input name="url" type="url" placeholder=${delivery.url} /></label>
      <label class="check"><input name="resign" type="checkbox" /> ${t("callback.sign")}</label>
      <button class="primary">${t("callback.send")}</button>
    </form></details>`;
}

function Signature({ delivery }) {
  const why = [t(`signature.${delivery.signature}.why`)];
  const off = now() - Date.now() / 1000;
  if (delivery.signature === "valid" && Math.abs(off) > TOLERANCE) {
    why.push(t("signature.clock", { span: span(Math.abs(off)) }));
  }
  const icon = { valid: "✓", unsigned: "○", unknown: "✕" }[delivery.signature];
  return html`<p class=${`signature ${delivery.signature}`}><b><span aria-hidden="true">${icon}</span>
    ${t(`signature.${delivery.signature}`)}</b> ${why.join(" ")}</p>`;
}

export function Delivery({ delivery, summary, isOpen }) {
  return html`<details class="entry" open=${isOpen}><summary data-row>${summary}</summary>
    <div class="entry-body">
      <p>#${delivery.number} · POST <span class="id">${delivery.url}</span> ·
        ${" "}<a href=${link("task", { id: delivery.task_id })}>${t("task")} ${delivery.task_id}</a> ·
        ${" "}<a href=${link("callbacks", { id: delivery.delivery_id, task: delivery.task_id })}>${t("link")}</a></p>
      <${Signature} delivery=${delivery} />
      <p class="label">${t("request")}</p>
      ${delivery.headers.length > 0 && html`<dl class="facts">${delivery.headers.map(([name, value]) => html`
        <div key=${name}><dt>${name}</dt><dd class="id">${value}</dd></div>`)}</dl>`}
      <${Code} text=${delivery.body} label=${t("request")} />
      <p class="label">${t("attempts")}</p>
      <ol class="attempts">${delivery.attempts.map((attempt, place) => html`<li key=${place}>
        <time>${at(attempt.at)}</time> ${attempt.status ? `HTTP ${attempt.status}` : attempt.error}
        ${attempt.replayed && html` <span class="quiet">${t("replayed.mark")}</span>`}
        ${attempt.response && html`<${Code} text=${attempt.response} label=${t("response")} />`}</li>`)}
      </ol>
      ${delivery.attempts.length === 0 && html`<p class="quiet">${t("attempts.none")}</p>`}
      <p class="actions">
        <button type="button" onClick=${() => replay(delivery, false)}>${t("callback.replay")}</button>
        <button type="button" onClick=${() => replay(delivery, true)}>${t("callback.resign")}</button>
      </p>
      <${Change} delivery=${delivery} />
    </div>
  </details>`;
}

export class Callbacks extends Component {
  state = { rows: null, next: null };

  componentDidMount() {
    this.off = [
      on("callback", (delivery) => this.changed(delivery)),
      on("reload", () => this.load()),
    ];
    this.load();
  }

  componentWillUnmount() {
    this.off.forEach((end) => end());
  }

  componentDidUpdate(before) {
    if (["state", "before", "id", "task"].some((name) => before.address[name] !== this.props.address[name])) this.load();
  }

  async load() {
    const { state, before, id, task } = this.props.address;
    const missed = this.missed = []; // what changes meanwhile may be newer than the answer
    try {
      const found = await get("deliveries", { state, before, task_id: task, limit: id ? 200 : PAGE });
      if (this.missed !== missed) return;
      this.setState({ rows: found.data, next: found.next_before });
    } catch (error) {
      announce(error.message, true);
    }
    if (this.missed === missed) {
      this.missed = null;
      missed.forEach((delivery) => this.changed(delivery));
    }
  }

  changed(delivery) {
    if (this.missed) {
      this.missed.push(delivery);
      return;
    }
    const { state: wanted, before, task } = this.props.address;
    this.setState(({ rows }) => {
      if (rows === null) return null;
      const place = rows.findIndex((one) => one.delivery_id === delivery.delivery_id);
      const fits = !wanted || delivery.state === wanted;
      if (place >= 0) return { rows: rows.map((one, at_) => (at_ === place ? delivery : one)) };
      if (!fits || before || (task && delivery.task_id !== task)) return null;
      return { rows: [delivery, ...rows].sort((one, other) => other.number - one.number).slice(0, PAGE) };
    });
  }

  render({ address }, { rows, next }) {
    const { state: wanted, id } = address;
    const shown = id ? (rows ?? []).filter((one) => one.delivery_id === id) : rows ?? [];
    return html`
      <h1>${t("view.callbacks")}</h1>
      <form class="filters" onSubmit=${(event) => event.preventDefault()}>
        <label>${t("column.status")}
          <select value=${wanted ?? ""} onChange=${(event) => filter({ state: event.target.value, before: "", id: "", task: "" })}>
            <option value="">${t("any")}</option>
            ${STATES.map((value) => html`<option key=${value} value=${value}>${t(`status.${value}`)}</option>`)}
          </select></label>
        ${(id || address.task) && html`<a href=${link("callbacks")}>${t("filters.clear")}</a>`}
      </form>
      ${rows !== null && shown.length === 0 && html`<${Empty} title=${t("callbacks.none")}>
        <pre class="code" tabindex="0" role="group" aria-label=${t("callbacks.none")}>kling.text2video.create(prompt="a kitten", callback_url="http://127.0.0.1:8000/callback")</pre><//>`}
      <ul class="list">${shown.map((delivery) => html`<li key=${delivery.delivery_id}>
        <${Delivery} delivery=${delivery} isOpen=${id === delivery.delivery_id || undefined} summary=${html`
          <time>${at(delivery.at)}</time> <${Status} value=${delivery.state} />
          ${" "}${t("callback.reports", { status: t(`status.${delivery.task_status}`) })}
          ${" "}<span class="id">${delivery.task_id}</span>
          ${" "}<span class="quiet">${t("attempts.count", { n: delivery.attempts.length })}:
          ${" "}${delivery.attempts.map((one) => one.status || one.error).join(", ")}</span>
          ${!delivery.truthful && html` <span class="bad">${t("callback.lie")}</span>`}`} /></li>`)}</ul>
      <nav class="pages" aria-label=${t("pages")}>
        ${address.before && html`<a href=${link("callbacks", { state: wanted })}>${t("pages.newest")}</a>`}
        ${next && !id && html`<a rel="next" href=${link("callbacks", { state: wanted, before: next })}>${t("pages.older")}</a>`}
      </nav>`;
  }
}
