"use strict";
// Calls a model through xDS, as the lines of its stdin say; see tests/controller/xds_callers.py, which starts it and says what the lines mean.
//
//     node caller.js TARGET PROTOS

const readline = require("node:readline");
const { createRequire } = require("node:module");
// The packages lie in a cache outside the repository.
const load = createRequire(process.env.ECHORATOR_NODE_PACKAGES + "/package.json");
const grpc = load("@grpc/grpc-js");
const loader = load("@grpc/proto-loader");
load("@grpc/grpc-js-xds").register();

const [target, protos] = process.argv.slice(2);
const definition = loader.loadSync("echorator/v1/model.proto", { includeDirs: [protos], keepCase: true, longs: Number });
const { ModelService } = grpc.loadPackageDefinition(definition).echorator.v1;
const client = new ModelService(target, grpc.credentials.createInsecure());

// The end of one call: [name of its status, its message, text that came, number of messages].
function call(command) {
  const metadata = new grpc.Metadata({ waitForReady: Boolean(command.wait_for_ready) });
  if (command.session) metadata.set("x-echorator-session", command.session);
  const options = { deadline: Date.now() + command.deadline_s * 1000 };
  return new Promise((resolve) => {
    if (command.method === "Tokenize") {
      client.Tokenize(command.request, metadata, options, (error, reply) =>
        resolve(error ? [grpc.status[error.code], error.details, "", 0] : ["OK", "", `${reply.tokens.length} tokens`, 1]),
      );
      return;
    }
    let text = "";
    let messages = 0;
    const stream = client.Chat(command.request, metadata, options);
    stream.on("data", (reply) => {
      text += reply.text || "";
      messages += 1;
      if (messages === command.cancel_after) stream.cancel();
    });
    stream.on("error", () => {}); // told by the status, too
    stream.on("status", (status) => resolve([grpc.status[status.code], status.code === grpc.status.OK ? "" : status.details, text, messages]));
  });
}

let stopped = true;

async function run(command) {
  const ends = [];
  let begun = 0;
  async function one() {
    while (begun < command.calls && !(command.until_stopped && stopped)) {
      begun += 1;
      const began = process.hrtime.bigint();
      const end = await call(command);
      ends.push([...end, Number(process.hrtime.bigint() - began) / 1e9]);
      if (ends.length === 1 && command.until_stopped) console.log(JSON.stringify("called"));
    }
  }
  await Promise.all(Array.from({ length: command.parallel }, one));
  console.log(JSON.stringify(ends));
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  stopped = command.stop === true;
  if (!stopped) run(command);
}).on("close", () => process.exit(0));
