// The page of a relay: what its operator wants to see. It changes nothing.
import { first, link, onChange, read } from "./address.js";
import { get } from "./api.js";
import { Foot, Live, Login, Root, Skip, Ways } from "./frame.js";
import { listen, step } from "./keys.js";
import { Palette } from "./palette.js";
import { applyChoices, choices, Component, createRef, html, onAnnounce, render, t } from "./ui.js";
import { Channels } from "./views/relay-channels.js";
import { Overview } from "./views/relay-overview.js";
import { Reconcile } from "./views/relay-reconcile.js";
import { User, Users } from "./views/relay-users.js";
import { Webhooks } from "./views/relay-webhooks.js";

first.view = "overview";

const VIEWS = { overview: Overview, users: Users, user: User, channels: Channels,
  webhooks: Webhooks, reconcile: Reconcile };
const WAYS = ["overview", "users", "channels", "webhooks", "reconcile"];
const EVERY = 2000; // milliseconds between two polls: a relay sends no events

async function findUsers(text) {
  const { data } = await get("relay/users");
  return data.filter((user) => user.username.toLowerCase().includes(text.toLowerCase()))
    .map((user) => ({ text: user.username, detail: String(user.id),
      to: link("user", { id: user.id, name: user.username }) }));
}

class App extends Component {
  state = { address: read(), said: "", bad: false, connection: "connecting", refused: "", looks: 0 };
  main = createRef();
  help = { show() {} };
  palette = { show() {} };

  componentDidMount() {
    onChange((address) => this.setState({ address, refused: "" }));
    onAnnounce((said, bad) => this.setState({ said, bad }));
    listen({
      "/": () => document.querySelector("input[type=search]")?.focus(),
      j: () => step(1),
      k: () => step(-1),
      Escape: () => { if (read().view === "user") history.back(); },
      "?": () => this.help.show(),
      palette: () => this.palette.show(),
    });
    this.look();
  }

  // Whether the relay is there; the views ask for themselves at each poll.
  async look() {
    if (read().token && !document.hidden) {
      try {
        await get("relay/overview");
        this.setState({ connection: "live", looks: this.state.looks + 1 });
      } catch (error) {
        if (error.status === 401 || error.status === 403) this.setState({ refused: error.message });
        this.setState({ connection: "lost" });
      }
    }
    setTimeout(() => this.look(), EVERY);
  }

  render(_, { address, said, bad, connection, refused, looks }) {
    if (!address.token || refused) {
      return html`<${Login} message=${refused} command="kling-mock relay"
        opened=${() => this.setState({ refused: "" })} />`;
    }
    const View = VIEWS[address.view] ?? Overview;
    const shown = address.view === "user" ? "users" : address.view;
    return html`
      <${Skip} main=${this.main} />
      <header><div class="bar">
        <a class="brand" href=${link("overview")}>${t("relay.title")}</a>
        <${Ways} views=${WAYS} shown=${shown} />
        <${Live} connection=${connection} />
      </div></header>
      <main id="main" ref=${this.main} tabindex="-1">
        <p class=${`said ${bad ? "bad" : ""}`} role="status" aria-live="polite">${said}</p>
        <${View} key=${`${address.view} ${address.id ?? ""} ${choices.language} ${choices.zone}`}
          address=${address} looks=${looks} />
      </main>
      <${Foot} help=${this.help} />
      <${Palette} palette=${this.palette} views=${WAYS} find=${findUsers} />`;
  }
}

applyChoices();
render(html`<${Root} app=${App} />`, document.getElementById("app"));
