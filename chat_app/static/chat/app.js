// Puts the page together: who is here, which session is open (the address says it), and what the person does.

import { Acts } from "./acts.js";
import { clearAddress, sessionInAddress, setAddress, takeAuthorization, takeCopy } from "./addresses.js";
import { Beginning } from "./beginning.js";
import { cited } from "./citations.js";
import { ApiError } from "./client/errors.js";
import { Commands } from "./commands.js";
import { Conversation } from "./conversation.js";
import { Exporting } from "./exporting.js";
import { FileWork } from "./filework.js";
import { Goal } from "./goal.js";
import { badge, install } from "./installed.js";
import { actOnKeys } from "./keyboard.js";
import { t, translatePage } from "./language.js";
import { NewChat } from "./newchat.js";
import { Offline } from "./offline.js";
import { Others } from "./others.js";
import { Person } from "./person.js";
import { client } from "./server.js";
import { titleOf } from "./sessionlist.js";
import { Composer } from "./views/composer.js";
import { confirmed } from "./views/confirm.js";
import { initDrawer } from "./views/drawer.js";
import { showFirstRun } from "./views/firstrun.js";
import { Header } from "./views/header.js";
import { showMenu, updateMenu } from "./views/menu.js";
import { Messages } from "./views/messages.js";
import { Palette } from "./views/palette.js";
import { offerCopy, showShare } from "./views/share.js";
import { finishAuthorization } from "./views/servers.js";
import { Sidebar } from "./views/sidebar.js";
import { showTaken } from "./views/taken.js";
import { endToasts, toast } from "./views/toast.js";

translatePage();

const { auth, rest: api } = client;
const offline = new Offline();
const exporting = new Exporting(client, toast);
const drawer = initDrawer();
let conversation = null;
let removing = ""; // the session that the person is deleting
let offered = {}; // by the server: `/api/config`

const acts = new Acts({
  conversation: () => conversation,
  confirmed,
  toast,
  share: (session, messageId) => showShare(api, session, messageId),
  showTaken,
});

const messages = new Messages({
  loadEarlier: () => conversation?.loadEarlier().catch(report),
  loadLater: () => conversation?.loadLater().catch(report),
  keep: (from, to) => conversation?.keep(from, to),
  toNow: () => conversation?.reload().then(() => messages.toBottom()),
  act: (verb, entry, detail) => acts.act(verb, entry, detail),
  siblings: (messageId) => conversation.siblings(messageId),
  otherModels: () => (offered.models ?? []).filter(({ id }) => id !== conversation?.state.session?.model),
  tryNow: () => conversation?.reconnect(),
  retry: (clientId) => conversation?.retry(clientId),
  discard: (clientId) => conversation?.discard(clientId),
  edit: (item) => {
    composer.write(item.text);
    filework.uploads.give(conversation.id, item.attachments);
  },
  download: (path) => filework.download(path),
  loadPicture: (path) => filework.pictures.load(path),
  showPicture: (thumbnail) => filework.showPicture(thumbnail),
  openCitation: (node) => filework.showPreview(cited(node)),
  decide: (approvalId, answer) => {
    composer.focus();
    conversation?.decide(approvalId, answer).catch(report);
  },
  stop,
  leave: () => composer.focus(),
});

const composer = new Composer({
  onSend: (text) => begin(text),
  onStop: stop,
  onConfigure: (changes) => conversation?.configure(changes).catch(report),
  onDraft: (text, before) => others.draft(conversation?.id, text, before),
  agents: async () => (await api.get("/api/agents").catch(() => null))?.agents,
  servers: async () => (await api.get("/api/mcp-servers").catch(() => null))?.servers ?? null,
  tools: async () => (await conversation?.tools().catch(() => null)) ?? null,
  prompts: async () => (await api.get("/api/prompts").catch(report))?.prompts,
  files: (folder) => filework.entries(folder),
  onProblem: (text) => toast(text),
  onEditLast: () => Boolean(conversation) && messages.editLast(),
});

const sidebar = new Sidebar(api, {
  onRemoving: (sessionId) => (removing = sessionId),
  onRemoved: (session) => {
    others.tell();
    if (conversation?.id === session.session_id) leave();
    if (sidebar.hasTrash)
      toast(t("“{name}” is in the trash.", { name: titleOf(session) }), {
        text: t("Undo"),
        run: () => restore(session),
      });
  },
  onGone: (sessionId) => {
    others.tell();
    if (conversation?.id === sessionId) leave();
  },
  onToast: toast,
  onChanged: (session) => {
    others.tell();
    if (conversation?.state.session?.id === session.id) header.show(session);
  },
  onProblem: (text) => toast(text),
  onPicked: () => drawer.close(),
  onList: (sessions) => offline.remember({ sessions }),
  recall: async () => (await offline.about()).sessions ?? [],
  onUnread: badge,
});

const others = new Others(client, {
  sidebar,
  composer,
  conversation: () => conversation,
});
const goal = new Goal({ conversation: () => conversation, messages, report });

const filework = new FileWork(api, {
  sessionId: () => conversation?.id,
  state: () => conversation?.state,
  begin: () => newChat.makeForFile(),
  composer,
  report,
});

// --- the open session ------------------------------------------------------------------------------------------

function route() {
  if (!auth.inside) return;
  const shared = takeCopy();
  if (shared) offerCopy(api, shared, (session) => open(session.session_id));
  const returned = takeAuthorization();
  if (returned) finishAuthorization(api, returned, () => composer.offerServers());
  const sessionId = sessionInAddress();
  if (conversation && conversation.id === sessionId) return;
  endToasts();
  conversation?.close();
  conversation = null;
  messages.reset();
  composer.open(sessionId || null);
  sidebar.activate(sessionId);
  header.connection(sessionId && "connecting");
  composer.connection("open");
  header.show(null);
  if (sessionId) follow(sessionId);
  else messages.welcome();
  filework.show();
  composer.focus();
}

function follow(sessionId) {
  let alert = null;
  let settled = null;
  conversation = new Conversation(sessionId, {
    client,
    offline,
    onChange: (state) => {
      messages.show(state);
      composer.show(state);
      if (state.session && state.session !== settled) {
        settled = state.session;
        header.show(state.session);
        sidebar.show({ ...state.session, message_count: Math.max(state.session.message_count ?? 0, said(state)) });
        others.heed(state.session);
        goal.reach(sessionId);
      }
      if (state.alert && state.alert !== alert) toast(state.alert.text);
      alert = state.alert;
    },
    onConnection: (phase) => {
      header.connection(phase);
      composer.connection(phase);
      messages.unreachable(phase === "waiting");
      if (phase === "open") client.deliver([sessionId]); // what was said in other chats while the server was away
    },
    onGone: (reason) => {
      newChat.forgetBegun(sessionId);
      leave();
      if (removing !== sessionId) toast(reason);
      sidebar.reload();
    },
    onSettled: () => {
      sidebar.reload();
      filework.panel.refresh(sessionId);
      others.tell();
    },
  });
  messages.show(conversation.state);
}

function said({ entries, unsent }) {
  return entries.length + unsent.length;
}

function toPlace(position) {
  goal.set(conversation.id, position);
  goal.reach(conversation.id);
}

/** Another session, or a place in it. */
function open(sessionId, position) {
  drawer.close();
  goal.set(sessionId, position);
  if (conversation?.id === sessionId) {
    goal.reach(sessionId);
    return;
  }
  setAddress(sessionId);
  route();
}

function say(text, clientId) {
  newChat.forgetBegun(conversation.id);
  conversation.say(text, filework.uploads.take(conversation.id), clientId);
  if (conversation.state.session)
    sidebar.show({ ...conversation.state.session, message_count: said(conversation.state) });
  messages.toNow();
}

/** Here, or in a chat that is made for it. */
function begin(text) {
  return conversation ? say(text) : newChat.say(text);
}

/** An empty conversation: the one that was begun by attaching a file, or one that is not made yet. */
function startNew() {
  drawer.close();
  setAddress(newChat.begun);
  route(); // at once: a hashchange event comes later than the next key
  composer.focus();
}

async function restore(session) {
  try {
    await client.session(session.id).restore();
    sidebar.reload(); // which also knows what is searched for
    others.tell();
  } catch (error) {
    report(error);
  }
}

const newChat = new NewChat(client, {
  settings: () => ({ project_id: sidebar.project || undefined, ...composer.settings() }),
  made: (session) => {
    sidebar.show(session);
    others.tell();
    const text = composer.carry(session.session_id);
    if (text) others.draft(session.session_id, text, "");
  },
  open,
  say,
  failed: (text, error) => {
    composer.giveBack(text);
    if (error.code !== "unreachable") return report(error);
    toast(t("The server cannot be reached. It is sent when the server is back."));
  },
  sayAgain: (text) => composer.sendNew(text),
});

function stop() {
  conversation?.stop().catch(report);
}

function leave() {
  clearAddress();
  route();
}

function report(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status !== 401) toast(error.message);
}

// --- the page around it ----------------------------------------------------------------------------------------

const commands = new Commands(api, {
  conversation: () => conversation,
  person: () => auth.user,
  administers: () => person.administers,
  config: () => offered,
  startNew,
  sidebar,
  chooseModel: () => composer.openPicker(),
  showFiles: () => filework.panel.open(conversation.id),
  toPlace,
  toEnd: () => messages.toNow(),
  toList: () => focusList(),
  toArchive: () => {
    drawer.open();
    sidebar.showArchive();
  },
  onRenamed: (user) => person.name(user),
  onAgents: () => composer.offerAgents(),
  onServers: () => composer.offerServers(),
  onProviders: () => beginning.renew().catch(report),
  onGone: () => person.signOut(),
  report,
  toast,
  exporting,
});
const palette = new Palette(api, { commands: () => commands.all(), open });

const header = new Header({
  files: () => filework.panel.open(conversation.id),
  remove: () => sidebar.remove(conversation.state.session),
  pin: () => sidebar.togglePin(conversation.state.session),
  menu: () => commands.ofHeader(),
  reconnect: () => conversation?.reconnect(),
  showContext: () => commands.showContext(),
});
const account = document.getElementById("account-menu");
account.addEventListener("click", () => showMenu(account, commands.ofAccount()));
document.getElementById("palette-open").addEventListener("click", () => palette.show());
document.getElementById("new-chat").addEventListener("click", startNew);

function focusList() {
  drawer.open();
  document.getElementById("session-search").focus();
}

actOnKeys({
  inside: () => auth.inside,
  drawer,
  isAnswering: () => Boolean(conversation?.state.run),
  stop,
  showPalette: () => palette.show(),
  toList: focusList,
  startNew,
  isOpen: () => Boolean(conversation),
  toBeginning: () => toPlace(1),
  toEnd: () => messages.toNow(),
});

window.addEventListener("hashchange", route);

// --- who is here -----------------------------------------------------------------------------------------------

const person = new Person(client, {
  left: () => {
    conversation?.close();
    conversation = null;
    messages.reset();
    sidebar.clear();
    filework.close();
    palette.close();
    others.close();
  },
  gone: () => {
    offline.clear();
    exporting.cancel();
  },
  entered: () => {
    exporting.resume();
    others.open();
    sidebar.reload();
    route();
    newChat.resume();
    beginning.entered();
  },
  learned: () => {
    offerFirstRun();
    updateMenu(account, commands.ofAccount());
  },
  preferModel: (model) => composer.prefer(model),
});

function offerFirstRun() {
  const addProvider = person.administers ? () => commands.showAdministration("providers") : null;
  showFirstRun(offered.models ?? [], begin, addProvider);
}

const beginning = new Beginning(client, offline, {
  conversation: () => conversation,
  configure: (config) => {
    offered = config;
    composer.offer(config);
    offerFirstRun();
    filework.uploads.maxSize = config.max_file_size ?? Infinity;
    sidebar.hasTrash = config.trash_days !== 0;
  },
  onBack: () => {
    person.learn();
    conversation?.reconnect();
    sidebar.reload();
  },
  onShared: (text) => {
    leave();
    composer.write(text);
  },
});

beginning.begin();
install({
  onNewVersion: () =>
    toast(t("Chat Juicer has a new version."), { text: t("Reload"), run: () => window.location.reload() }),
  onOpen: (sessionId) => open(sessionId),
});
