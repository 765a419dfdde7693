// PostgreSQL with pgvector on a local port, until it is killed: node server.mjs PORT
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

const database = await PGlite.create({ extensions: { vector } });
const server = new PGLiteSocketServer({ db: database, host: "127.0.0.1", port: Number(process.argv[2]) });
await server.start();
console.log("ready");
