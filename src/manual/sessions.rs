//! Injection and sessions.
//!
//! `hushlog boot` exports the secrets of its sources, and the plain defaults of an environment, for
//! as long as the machine is up. The result is the *session*: a directory in memory,
//! `/run/hushlog`, which only root can read, or `--group` too.
//!
//! | file | for |
//! | --- | --- |
//! | `session` | hushlog: all that was exported since the machine was booted |
//! | `environment` | systemd's `EnvironmentFile=` |
//! | `environment.sh`, `environment.fish` | shells, which source it |
//! | `secrets/NAME` | programs that read a secret from a file |
//!
//! - *All or nothing*: the files of a boot appear together, when one link is renamed. A secret that
//!   cannot be exported is named, and then nothing is: no half of an environment. A boot that is
//!   killed at any moment leaves the previous session.
//! - *Names*: `openai-api-key` is exported as `OPENAI_API_KEY`; a variable of a dotenv file keeps
//!   its name. Two secrets for one variable are refused, and so are variables that control programs
//!   (`PATH`, `LD_PRELOAD`, `LESSOPEN`, `HUSHLOG_*` ...). A variable that is only some program's
//!   configuration passes if `/etc/hushlog/allowed-names` allows it. A secret wins over a default,
//!   and a private secret over a shared one of its name.
//! - *Limits*: 128 KiB for a variable, which is Linux's limit, and 1 MiB for all of them, half of
//!   `exec`'s default limit; no NUL byte; UTF-8, which systemd needs. A larger or binary value can
//!   be kept without being exported (`--no-install`).
//! - *Rotation and deletion*: another boot step exports the present values, to programs that start
//!   from then on. Earlier values stay in the session and are masked, together with the new values,
//!   until the machine goes down.
//! - *In memory*: a directory on a disk is refused without `--allow-disk`. A tmpfs can be swapped
//!   out: encrypt the swap, or have none.
//!
//! The session determines which secrets are masked, so it is read only where no other user can have
//! written it: the directory and the file belong to root or to the user, and nobody else can write
//! to them; the directory that `HUSHLOG_RUN_DIR` names is no exception.
//!
//! The filter masks the session without being asked, and so does every other command that takes
//! sources; a session that cannot be read is then an error, since not to mask it would be the other
//! choice. A service under a user of its own, which may not read it, loads it as a credential
//! (`LoadCredential=hushlog.session:/run/hushlog/session`).
//!
//! `hushlog boot --install` installs all that a machine needs, or with `--root` a directory that
//! will become one, and lists the files that it wrote: a unit of systemd that runs before all
//! services (or the like for OpenRC, BusyBox and System V init), for each `--service` a drop-in
//! with `EnvironmentFile=` and `LoadCredential=`, a generator for the services of users, and
//! snippets for login shells (`/etc/profile.d`) and others (`/etc/bash.bashrc`, `/etc/zsh/zshenv`,
//! fish). The installed files repeat the settings of the environment that it was run with
//! (`HUSHLOG_REGISTRY`, `HUSHLOG_IDENTITY`, `HUSHLOG_TRUST`), and it refuses another
//! `HUSHLOG_RUN_DIR`. They also demand, by `--trust ID`, the registry that is there, so that each
//! start refuses another one in its place: install again after the registry was made anew. An id
//! that was given in `--trust` has to be that of the registry. Without a registry, which gives a
//! warning, or with one of format 1, no id is demanded. With `--root`, symbolic links lead where
//! they will on that machine, and never out of the directory; without it, only links are followed
//! that no other user can have made. A file that gets a few lines keeps its owner, group and mode.
//! `--uninstall` takes all of it out again. A program that starts in another way, from cron, say,
//! gets the variables by `hushlog run --session -- CMD`, or by sourcing
//! `/run/hushlog/environment.sh`.
//! The snippets switch the tracing of a shell off meanwhile (`set -x`, `set -v`, `fish_trace`). A
//! script that sources the file itself has to do so, too: its trace shows the values.
//! Root runs the program at each start by its path. So `--install` refuses a program that another
//! user owns or all users can write, as well as such a directory on the way to it.
//!
//! `hushlog export` writes the same variables down in seven formats. A value that a format cannot
//! express is refused by the variable's name: a newline in Docker's, bytes that are not UTF-8 in
//! those that are text. A dotenv file has more readers than any other format, so that a value
//! passes only in a form that a shell, python-dotenv, Node, and npm's and Ruby's dotenv read alike:
//! no line end, no `${`, no doubled backslash or one at the end, and a single quote only without
//! `"`, `$`, a backquote or a backslash beside it. Tools that expand variables after reading, such
//! as dotenv-expand, still replace `$NAME`. A name that the readers of a format do not take is
//! refused as well, since a program would miss its secret: `sh`, `dotenv` and `systemd` take
//! letters, digits and `_`, and no digit first; `fish` any order of them, and none of its own
//! variables; `k8s` also `-` and `.`; `docker` all but blanks, control characters and `#` first;
//! `json` any. A session is for shells, too, and takes the names of `sh`. `export` does not write
//! to a terminal unless forced.
//!
//! `hushlog check NAME` tells whether a variable is set here and would be masked: 0 is yes, 1 is
//! no. The value goes through the filter, whole and byte by byte, and a mask and nothing else has
//! to come out in its place.
//!
//! Not promised: that a program does not hand its environment on, or show it (`/proc/PID/environ`
//! can be read by its user and root); that a value is masked which reached the machine by another
//! way; that `sudo`, which empties the environment, keeps it.
