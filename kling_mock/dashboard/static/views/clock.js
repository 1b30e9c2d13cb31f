// The server's clock: what it shows, how it runs, and where it is moved to.
import { ask } from "../api.js";
import { link } from "../address.js";
import { advance, now, on, setClock, state } from "../store.js";
import { announce, at, Component, html, span, Status, t, zoneName } from "../ui.js";

const STEPS = [[60, "+1 min"], [600, "+10 min"], [3600, "+1 h"], [86400, "+1 d"]];
const PAUSED = 1e-6; // the slowest speed there is: a second takes eleven days
let moveClock = () => {};

// The key for it works wherever the clock bar is.
export const toNextEvent = () => moveClock();

export class ClockBar extends Component {
  state = { fired: null, busy: false, snapshots: null };

  componentDidMount() {
    moveClock = () => this.next();
    this.off = on("state", () => this.setState({}));
    this.timer = setInterval(() => { if (state.clock?.speed) this.setState({}); }, 500);
  }

  componentWillUnmount() {
    this.off();
    clearInterval(this.timer);
  }

  async run(act) {
    this.setState({ busy: true });
    try {
      return await act();
    } catch (error) {
      announce(error.message, true);
      return undefined;
    } finally {
      this.setState({ busy: false });
    }
  }

  async move(seconds) {
    const fired = await this.run(() => advance(seconds));
    if (fired === undefined) return;
    this.setState({ fired });
    announce(t("clock.moved", { span: span(seconds), n: fired.length }));
  }

  next() {
    const { next } = state.clock ?? {};
    if (state.clock?.kind !== "manual" || !next) return undefined;
    return this.move(Math.max(0, next.at - now()) + 0.001); // a date has no more digits than that
  }

  async setSpeed(speed) {
    const clock = await this.run(() => ask("PATCH", "clock", { speed }));
    if (clock) setClock(clock);
  }

  async keep() {
    const made = await this.run(() => ask("POST", "snapshots", {}));
    if (made) {
      announce(t("snapshot.kept", { name: made.snapshot_id }));
      this.list();
    }
  }

  async list() {
    const found = await this.run(() => ask("GET", "snapshots"));
    if (found) this.setState({ snapshots: found.data });
  }

  async putBack(name) {
    if (await this.run(() => ask("POST", `snapshots/${encodeURIComponent(name)}/restore`))) {
      announce(t("snapshot.back", { name }));
    }
  }

  render(_, { fired, busy, snapshots }) {
    const clock = state.clock;
    if (clock === null) return html`<div class="clock"></div>`;
    const paused = clock.speed !== null && clock.speed <= PAUSED;
    const due = clock.next;
    return html`<section class="clock" aria-label=${t("clock")}>
      <p class="now"><time>${at(now())}</time> <small>${zoneName()}</small>${" "}
        <span class="kind">${t(`clock.${paused ? "paused" : clock.kind}`, { speed: clock.speed })}</span>
      </p>
      <div class="hands">
        ${clock.kind === "manual" && html`
          ${STEPS.map(([seconds, text]) => html`<button type="button" key=${text} disabled=${busy}
            onClick=${() => this.move(seconds)}>${text}</button>`)}
          <button type="button" class="primary" disabled=${busy || !due}
            onClick=${() => this.next()}>${t("clock.next")} <kbd>]</kbd></button>`}
        ${clock.kind === "scaled" && html`
          <label>${t("clock.speed")} <input type="number" min="0.001" step="any" class="short"
            value=${paused ? this.before ?? 1 : clock.speed}
            onChange=${(event) => this.setSpeed(Number(event.target.value))} /></label>
          <button type="button" disabled=${busy} onClick=${() => {
            if (!paused) this.before = clock.speed;
            this.setSpeed(paused ? this.before ?? 1 : PAUSED);
          }}>${t(paused ? "clock.resume" : "clock.pause")}</button>`}
        ${clock.kind === "real" && html`<span class="quiet">${t("clock.real.why")}</span>`}
      </div>
      <p class="due">${due
        ? html`${t("clock.due", { what: t(`due.${due.what}`), span: span(due.at - now()) })}
          ${due.task_id && html` <a class="id" href=${link("task", { id: due.task_id })}>${due.task_id}</a>`}`
        : html`<span class="quiet">${t("clock.idle")}</span>`}</p>
      <details class="snapshots" onToggle=${(event) => event.target.open && this.list()}>
        <summary>${t("snapshots")}</summary>
        <button type="button" onClick=${() => this.keep()}>${t("snapshot.keep")}</button>
        ${snapshots !== null && html`<ul>${snapshots.map((one) => html`<li key=${one.snapshot_id}>
          ${one.snapshot_id}, ${at(one.at)}, ${t("tasks.count", { n: one.tasks })}
          <button type="button" class="small" onClick=${() => this.putBack(one.snapshot_id)}>
            ${t("snapshot.restore")}</button></li>`)}</ul>`}
      </details>
      ${fired !== null && html`<div class="fired">
        <h2>${t("fired", { n: fired.length })}</h2>
        <button type="button" class="small" onClick=${() => this.setState({ fired: null })}>
          ${t("close")}</button>
        <ul>${fired.slice(0, 50).map((one) => html`<li key=${`${one.at} ${one.task_id} ${one.what}`}>
          <time>${at(one.at, { date: false })}</time>
          ${" "}${one.what === "callback"
            ? t("fired.callback", { status: one.status || t("no-answer") })
            : html`<${Status} value=${one.what} />`}
          ${" "}<a class="id" href=${link("task", { id: one.task_id })}>${one.task_id}</a></li>`)}
        </ul>
        ${fired.length > 50 && html`<p class="quiet">${t("more", { n: fired.length - 50 })}</p>`}
      </div>`}
    </section>`;
  }
}
