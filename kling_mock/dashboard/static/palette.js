// Ctrl-K or Cmd-K: go to a view, or to what is found, by typing part of its name.
import { link } from "./address.js";
import { announce, Component, createRef, html, t } from "./ui.js";

// `views` are names of views; `find` returns more rows of `{text, detail, to}` for what was typed.
export class Palette extends Component {
  dialog = createRef();
  input = createRef();
  state = { text: "", rows: [], place: 0 };

  componentDidMount() {
    this.props.palette.show = () => {
      this.input.current.value = "";
      this.look("");
      this.dialog.current.showModal();
    };
  }

  async look(text) {
    const wanted = text.trim().toLowerCase();
    const views = this.props.views.filter((name) => t(`view.${name}`).toLowerCase().includes(wanted))
      .map((name) => ({ text: t(`view.${name}`), detail: "", to: link(name) }));
    this.setState({ text, rows: views, place: 0 });
    if (!wanted) return;
    try {
      const found = await this.props.find(text.trim());
      if (this.state.text === text) this.setState({ rows: [...views, ...found] });
    } catch (error) {
      announce(error.message, true);
    }
  }

  key(event) {
    const { rows, place } = this.state;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && rows.length) {
      event.preventDefault();
      this.setState({ place: (place + by + rows.length) % rows.length });
    } else if (event.key === "Enter" && !event.isComposing && rows[place]) {
      event.preventDefault();
      this.open(rows[place]);
    }
  }

  open(row) {
    this.dialog.current.close();
    location.hash = row.to;
  }

  render(_, { text, rows, place }) {
    return html`<dialog class="palette" ref=${this.dialog} aria-label=${t("palette")}>
      <input ref=${this.input} type="text" role="combobox" aria-expanded="true" aria-controls="palette-rows"
        aria-activedescendant=${rows[place] && `palette-${place}`} aria-label=${t("palette")} autofocus
        placeholder=${t("palette")} onInput=${(event) => this.look(event.target.value)}
        onKeyDown=${(event) => this.key(event)} />
      <ul id="palette-rows" role="listbox" aria-label=${t("palette")}>${rows.map((row, at) => html`
        <li key=${row.to} id=${`palette-${at}`} role="option" aria-selected=${String(at === place)}
          onClick=${() => this.open(row)}><span>${row.text}</span> <span class="id quiet">${row.detail}</span></li>`)}
      </ul>
      ${rows.length === 0 && html`<p class="quiet" role="status">${t("palette.none", { text })}</p>`}
    </dialog>`;
  }
}
