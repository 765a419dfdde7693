/** The page: vectors and texts, compressed and searched where they are. */
import { startTexts } from "./texts.js";
import { startVectors } from "./vectors.js";

startTexts();
void startVectors();
