// Puts the page together: who is here, which session is open (the address says it), and what the person does.

import { Api, ApiError } from "./api.js";
import { Auth } from "./auth.js";
import { Conversation } from "./conversation.js";
import { h, setText } from "./dom.js";
import { address, basename } from "./files.js";
import { newSessionId } from "./ids.js";
import { MOST_PER_MESSAGE, Uploads } from "./uploads.js";
import { Attachments } from "./views/attachments.js";
import { Composer } from "./views/composer.js";
import { initDrawer } from "./views/drawer.js";
import { FilesPanel } from "./views/filespanel.js";
import { Messages } from "./views/messages.js";
import { initSignIn, focusSignIn } from "./views/signin.js";
import { Sidebar, titleOf } from "./views/sidebar.js";
import { toast } from "./views/toast.js";

const RETRY_MS = 2_000;
const SESSION_ADDRESS = /^#\/((?!\.+$)[\w.:-]{1,64})$/;
const PHASES = { open: "Connected", connecting: "Connecting…", waiting: "Reconnecting…" };

const title = document.getElementById("chat-title");
const actions = document.getElementById("chat-actions");
const connection = document.getElementById("connection");

const auth = new Auth();
const api = new Api(auth);
const drawer = initDrawer();
let conversation = null;
let removing = "";
let making = null; // the creation of a session for what was written or attached before there is one
const beginning = []; // texts for it

const messages = new Messages({
  loadEarlier: () => conversation?.loadEarlier().catch(report),
  retry: (clientId) => conversation?.retry(clientId),
  discard: (clientId) => conversation?.discard(clientId),
  edit: (item) => {
    composer.write(item.text);
    uploads.give(conversation.id, item.attachments);
  },
  download,
  decide: (approvalId, answer) => {
    composer.focus();
    conversation?.decide(approvalId, answer).catch(report);
  },
  leave: () => composer.focus(),
});

const composer = new Composer({
  onSend: (text) => (conversation ? say(text) : begin(text)),
  onStop: stop,
  onConfigure: (changes) => conversation?.configure(changes).catch(report),
});

const sidebar = new Sidebar(api, {
  onRemoving: (sessionId) => (removing = sessionId),
  onRemoved: (sessionId) => {
    tellOthers();
    if (conversation?.id === sessionId) leave();
  },
  onChanged: (session) => {
    tellOthers();
    if (conversation?.state.session?.id === session.id) entitle(session);
  },
  onProblem: (text) => toast(text),
  onPicked: () => drawer.close(),
});

const uploads = new Uploads(api, {
  onChange: (sessionId) => {
    if (conversation?.id === sessionId) showUploads();
  },
  onLanded: (sessionId) => files.refresh(sessionId),
});

const attachments = new Attachments({
  onFiles: attach,
  onRemove: detach,
  onRetry: (key) => uploads.retry(conversation.id, key),
  canRetry: (key) => uploads.canRetry(key),
  onProblem: toast,
});

const files = new FilesPanel(api, {
  onDownload: download,
  onRemoved: (sessionId, path) => uploads.forget(sessionId, path),
  onProblem: report,
});

// --- the open session ------------------------------------------------------------------------------------------

function route() {
  const sessionId = SESSION_ADDRESS.exec(window.location.hash)?.[1] ?? "";
  if (auth.mode !== "in" && auth.mode !== "open") return;
  if (conversation && conversation.id === sessionId) return;
  conversation?.close();
  conversation = null;
  messages.reset();
  composer.open(sessionId || null);
  sidebar.activate(sessionId);
  connection.hidden = !sessionId;
  entitle(null);
  if (sessionId) follow(sessionId);
  else messages.welcome();
  showUploads();
  composer.focus();
}

function follow(sessionId) {
  let alert = null;
  let settled = null;
  conversation = new Conversation(sessionId, {
    api,
    auth,
    onChange: (state) => {
      messages.show(state);
      composer.show(state);
      if (state.session && state.session !== settled) {
        settled = state.session;
        entitle(state.session);
        sidebar.show(state.session);
      }
      if (state.alert && state.alert !== alert) toast(state.alert.text);
      alert = state.alert;
    },
    onConnection: (phase) => {
      connection.dataset.phase = phase;
      setText(connection.querySelector("span:last-child"), PHASES[phase]);
    },
    onGone: (reason) => {
      if (removing !== sessionId) toast(reason);
      leave();
      sidebar.reload();
    },
    onSettled: () => {
      sidebar.reload();
      files.refresh(sessionId);
      tellOthers();
    },
  });
  messages.show(conversation.state);
}

function say(text) {
  conversation.say(text, uploads.take(conversation.id));
  messages.toBottom();
}

/** The first message makes the session; what is sent before it stands goes there, too. */
async function begin(text) {
  beginning.push(text);
  if (beginning.length > 1) return;
  try {
    await make();
    beginning.forEach(say);
  } catch (error) {
    composer.write(beginning.join("\n"));
    report(error);
  } finally {
    beginning.length = 0;
  }
}

function make() {
  making ??= create().finally(() => (making = null));
  return making;
}

async function create() {
  const session_id = newSessionId();
  const answer = await api.post("/api/sessions", { session_id, ...composer.settings() });
  sidebar.show(answer.session ?? answer);
  tellOthers();
  composer.carry(session_id);
  window.history.pushState(null, "", `#/${session_id}`);
  route();
}

function stop() {
  conversation?.stop().catch(report);
}

function leave() {
  window.history.replaceState(null, "", "#/");
  route();
}

function entitle(session) {
  const name = session ? titleOf(session) : "New chat";
  setText(title, name);
  document.title = session ? `${name} · Chat Juicer` : "Chat Juicer";
  actions.hidden = !session;
}

function report(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status !== 401) toast(error.message);
}

// --- files -----------------------------------------------------------------------------------------------------

async function attach(named) {
  try {
    if (!conversation) {
      composer.expect({ ready: 0, coming: named.length });
      await make();
    }
    const left = uploads.add(conversation.id, named);
    if (left) toast(`A message takes at most ${MOST_PER_MESSAGE} files; ${left} not attached.`);
    composer.focus();
  } catch (error) {
    showUploads();
    report(error);
  }
}

/** It is deleted on the server too, unless a message has it. */
function detach(key) {
  const { id, state } = conversation;
  const { file_id, path } = uploads.of(id).find((item) => item.key === key);
  uploads.remove(id, key);
  const sent = [...state.entries, ...state.unsent].some((entry) => entry.attachments?.some((other) => other.file_id === file_id));
  if (!file_id || sent) return;
  const { folder, name } = address(path);
  api.delete(`/api/sessions/${id}/files/${name}?folder=${folder}`).catch((error) => error.status === 404 || report(error));
}

function showUploads() {
  const items = uploads.of(conversation?.id);
  attachments.show(items);
  const inState = (...states) => items.filter((item) => states.includes(item.state)).length;
  composer.expect({ ready: inState("done"), coming: inState("waiting", "uploading") });
}

/** By an address that carries its own permission, so that the browser does the rest, however large the file is. */
async function download(path) {
  const { folder, name } = address(path);
  try {
    const { download_url } = await api.get(`/api/sessions/${conversation.id}/files/${name}/presign-download`, { folder });
    h("a", { href: download_url, download: basename(path) }).click();
  } catch (error) {
    if (error.status === 404) toast(`${basename(path)} does not exist any more.`);
    else report(error);
  }
}

// --- the page around it ----------------------------------------------------------------------------------------

for (const [id, act] of [
  ["chat-files", (session) => files.open(session.session_id)],
  ["chat-delete", (session) => sidebar.remove(session)],
  ["chat-pin", (session) => sidebar.togglePin(session)],
]) {
  document.getElementById(id).addEventListener("click", () => act(conversation.state.session));
}

document.getElementById("new-chat").addEventListener("click", () => {
  drawer.close();
  window.history.pushState(null, "", "#/");
  route(); // at once: a hashchange event comes later than the next key
  composer.focus();
});

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the session
  composer.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && drawer.isOpen()) drawer.close();
  else if (event.key === "Escape" && conversation?.state.run) stop();
  else if ((event.ctrlKey || event.metaKey) && event.key === "k") {
    event.preventDefault();
    drawer.open();
    document.getElementById("session-search").focus();
  }
});

window.addEventListener("hashchange", route);

// --- other windows ---------------------------------------------------------------------------------------------

const others = "BroadcastChannel" in window ? new BroadcastChannel("chat-juicer.sessions") : null;
if (others) others.onmessage = () => sidebar.reload();

function tellOthers() {
  others?.postMessage("changed");
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && conversation) sidebar.reload();
});

// --- who is here -----------------------------------------------------------------------------------------------

initSignIn((email, password) => auth.signIn(email, password));
document.getElementById("sign-out").addEventListener("click", () => auth.signOut());

auth.addEventListener("change", () => {
  const inside = auth.mode === "in" || auth.mode === "open";
  document.body.dataset.mode = auth.mode;
  conversation?.close();
  conversation = null;
  messages.reset();
  sidebar.clear();
  uploads.clear();
  files.close();
  if (!inside) return focusSignIn();
  setText(document.getElementById("user-name"), auth.user.display_name || auth.user.email);
  document.getElementById("sign-out").hidden = auth.mode === "open";
  sidebar.reload();
  route();
});

async function start() {
  try {
    const [config] = await Promise.all([api.get("/api/config"), auth.start()]);
    composer.offer(config);
    uploads.maxSize = config.max_file_size ?? Infinity;
  } catch (error) {
    if (document.body.dataset.mode === "starting") setText(document.getElementById("starting"), "The server cannot be reached. Trying again…");
    setTimeout(start, RETRY_MS);
    if (!(error instanceof ApiError || error instanceof TypeError)) throw error;
  }
}

start();
