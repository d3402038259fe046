/** A conversation that somebody shared: read only. */

import { request } from "./api.js";
import { say } from "./strings.js";
import { Answer, Question, restored } from "./turns.js";

const byId = (id) => document.getElementById(id);

async function show() {
  let found;
  try {
    found = await request("GET", byId("main").dataset.share);
  } catch (error) {
    byId("by").textContent = say(error.status === 404 ? "linkOver" : "notDone");
    return;
  }
  const title = found.title || say("untitled");
  document.title = `${title} · AURA`;
  byId("title").textContent = title;
  byId("by").textContent = say("sharedBy", { name: found.by });
  for (const turn of found.turns) byId("turns").append(turn.role === "user" ? asked(turn) : answered(turn));
}

function asked(turn) {
  const question = new Question(turn.text);
  question.account(turn.text_bytes, turn.wire_bytes, turn.methods);
  return question.root;
}

function answered(turn) {
  const answer = new Answer({ stream: turn.stream });
  if (turn.state === "open") answer.show(turn.text);
  else restored(answer, turn);
  return answer.root;
}

void show();
