//! Filter, sidecar, guard, scrub: which when.
//!
//! | | what it needs | what never sees a secret | what may |
//! | --- | --- | --- | --- |
//! | filter, `run` | to stand between the program and its log | all that comes after it: files, shippers, terminals | what reads the program's output elsewhere |
//! | sidecar | programs that can be pointed at it | the same, for all programs of a machine, and for secrets that change | the same |
//! | guard | Linux, root, programs that write files by themselves | whoever opens or reads the file by its name | the disk, for a moment; readers that the guard cannot see |
//! | scrub | files that were written already | whoever reads the file from then on | whoever read it before; copies and backups |
//!
//! Use a filter where you can: a secret that was never in a file need not be taken out of it. Where
//! a program opens its log files itself, a guard makes their readers wait until they are clean;
//! where that cannot be had, scrub them before they are shipped, and when they are rotated. In any
//! case scrub the logs from before hushlog's installation, and again after adding a secret that may
//! have been logged already. They go together: none of them changes another one's masks.
//!
//! Other tools mask streams, too. `benches/compare/run` feeds them the cases that their users
//! report (a value over two writes, several lines, base64, text that is not UTF-8, a prompt) and a
//! made log, beside hushlog; `benches/compare/README.md` lists the tools, the method and the
//! results.
