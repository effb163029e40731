//! The texts of the long help beside clap's lists: an introduction to a command, and the sections
//! behind its options.
//!
//! A man page has the same sections. A line at the margin with a colon at its end is a title, and
//! the lines below it are indented: an entry of a list if it begins with a digit, and otherwise a
//! paragraph. An example is a command, and its explanation further in.

/// The introduction of the program.
pub(crate) const ABOUT: &str = "Keep secrets out of logs: a filter from standard input to standard output.

hushlog reads the machine's secrets from the environment and from files, and copies its input with each of them masked: the \
values themselves, their usual encodings (base64, hex, percent, JSON and shell escapes), and identifying parts, such as the \
password in a database URL or the lines of a key. All other bytes stay unchanged.";

/// The introduction of `run`.
pub(crate) const RUN: &str = "Run a command with the secrets in its environment, and mask them in its output.

The values of --dotenv and --secret-file become variables of the command's environment: a dotenv variable under its own name, a file \
under its name in capitals (openai-api-key becomes OPENAI_API_KEY). The command's standard output and standard error go where they would \
without hushlog, with every secret masked. Input, exit status, signals and job control work as without hushlog. On a terminal, the command \
gets a terminal, so that colours, prompts, editors and pagers work.";

/// The end of the help of `run`.
pub(crate) const RUN_END: &str = "Examples:
  hushlog run --dotenv .env -- npm start
      pass the variables of the file to the program, and mask them in its output
  hushlog run --secret-file /run/secrets -- ./deploy.sh --to production
      pass one variable for each file
  hushlog run -- psql
      mask the well-known variables of the environment

Exit status:
  that of the command; if a signal ended the command, hushlog ends by the same signal
  2    wrong usage, or a source of secrets is missing, unreadable or empty; the command was not started
  3    some of the command's output could not be written
  126  the command cannot be executed, or the environment is too large for it
  127  the command was not found

Limits:
  Processes that outlive the command have 2 seconds to finish their output; then the pipe is closed.
  Output to other files, to sockets or to another terminal is not masked, nor is output to /dev/tty while standard output is a pipe.
  On a terminal, the first 3 bytes of a possible secret appear after 50 ms, so that typing is echoed.";

/// The end of the help of `scrub`.
pub(crate) const SCRUB_END: &str = "Examples:
  hushlog scrub /var/log/app
      mask the secrets in the files of a directory
  hushlog scrub --recursive --include '*.log*' --exclude '*.gz' /srv
      choose files by their names, in all directories below
  hushlog scrub --dry-run --dotenv /etc/app.env old.log
      print what would be masked, and change nothing
  hushlog scrub --check --quiet --secret-file /run/secrets build/ || exit 1
      fail if any file has a secret in it
  hushlog scrub --rewrite /var/log/app.log.2.gz
      mask secrets in a compressed file, which is written again

Exit status:
  0  all files were searched, and no secret is left in them
  1  --check found a secret
  2  wrong usage, or a source of secrets is missing, unreadable or empty; no file was changed
  3  a file was not searched or not masked, or --check found no file to search";

/// The end of the help of `guard`.
pub(crate) const GUARD_END: &str = "Examples:
  hushlog guard /var/log/app
      mask the secrets of this machine's session in a directory, before anyone reads its files
  hushlog guard --dotenv /etc/app.env /var/log/app /var/log/nginx
      mask the values of a file, in two directories
  hushlog guard --report counts.json --secret-file /run/secrets /var/log/app
      write a report at the end
  systemctl edit hushlog-guard && systemctl enable --now hushlog-guard
      guard the directories that the unit names, from the start of the machine on

Exit status:
  0  ended by SIGTERM or SIGINT, with all found secrets masked
  2  wrong usage, an unusable source of secrets, or a directory that cannot be guarded
  3  a system call failed; readers do not wait any more";

/// The introduction of `sidecar`.
pub(crate) const SIDECAR: &str = "Mask the log streams of a machine while its secrets change: one daemon for all of them.

The configuration names the sources of secrets, and the streams. Each stream goes from its source (a socket, a FIFO, files, a port on \
loopback, the output of a command, standard input) through its own redactor to its sink (a file, a socket, a FIFO, a port, the input of a \
command, standard output). The sources of secrets are watched: a change is in force within a second, old values stay masked, and no stream \
loses a byte. Sinks apply backpressure.";

/// The end of the help of `sidecar`.
pub(crate) const SIDECAR_END: &str = "A configuration:
  secrets:
    secret_files: [/run/secrets]
  streams:
    - name: app
      source: { unix: /run/app-log.sock }
      sink: { file: /var/log/app.log }
  control: /run/hushlog/sidecar.sock

Examples:
  hushlog sidecar check-config --config hushlog.yaml
      report errors by line and key
  hushlog sidecar --config hushlog.yaml
      run the sidecar; SIGHUP rereads the secrets, SIGTERM drains the streams and ends it
  printf %s \"$token\" | hushlog sidecar add DEPLOY_TOKEN
      mask another value in everything that is printed after this command returns
  hushlog man sidecar
      read about all keys of the configuration

Exit status:
  0  stopped by a signal, or all inputs ended
  2  the configuration is not valid, or secrets, sources or sinks are not available; nothing was read
  3  standard input or standard output failed";

/// The end of the help of `boot`.
pub(crate) const BOOT_END: &str = "Examples:
  hushlog boot
      export the secrets of /etc/hushlog/registry.yaml, opened with /etc/hushlog/identity.txt
  hushlog boot --dotenv /etc/secrets.env --group app
      export the variables of a file; shells of the group's members can read them
  hushlog boot --install --service nginx --dotenv /etc/secrets.env
      do so at each start of the machine, and give the variables to a service
  hushlog boot --install --files-in /etc/myapp
      do so, and let the unit write the file targets below a directory

The session:
  Either all secrets are exported, or none. The files are in /run/hushlog (or in the directory in HUSHLOG_RUN_DIR): environment, \
environment.sh and environment.fish with the variables, secrets/NAME with the values, and session, from which hushlog knows the values to \
mask. Another run exports the current secrets; old values stay masked until the machine goes down. A secret of a registry with a file \
target is also written to that file.

Exit status:
  0  all secrets are exported; or the installation is complete
  2  wrong usage, an unusable source, or a secret that cannot be exported; nothing was exported
  3  a file could not be written";

/// The end of the help of `explain`.
pub(crate) const EXPLAIN_END: &str = "Examples:
  hushlog explain --dotenv .env
      list the secrets and the settings of a file, and what is searched for because of each
  hushlog explain DB_URL --env DB_URL
      show which parts and encodings of a value are masked; the value is never shown
  hushlog explain --sidecar DB_URL
      show how often the running sidecar masked a secret, and where and when last

Exit status:
  0  the secrets are explained
  1  no source has a secret of this name
  2  wrong usage, an unusable source, or no sidecar";

/// The end of the help of `check`.
pub(crate) const CHECK_END: &str = "Examples:
  hushlog check OPENAI_API_KEY && exec app
      start only if the variable is set and would be masked
  hushlog check
      check all secrets that this machine's session exported
  hushlog check --canary
      send a line with a secret, made up by the running sidecar, through each of its streams

Exit status:
  0  all are set and would be masked; with --canary: the line came out masked in each stream
  1  the answer is no for at least one of them
  2  the check cannot be made; with --canary: no sidecar is running";

/// The end of the help of `export`.
pub(crate) const EXPORT_END: &str = "Examples:
  eval \"$(hushlog export --format sh)\"
      set the variables of the session in this shell
  hushlog export --format docker --output app.list && docker run --env-file app.list app
      pass them to a container
  hushlog export --format k8s --dotenv .env | kubectl apply -f -
      create a Secret from a file

Names and values:
  If a format or its readers cannot represent a name or value, the error names the variable, and \
nothing is written. For example, json, docker and k8s can represent spring.datasource.password, but \
shells cannot.

Exit status:
  0  all variables were written
  2  wrong usage, an unusable source, or a variable that the format cannot represent
  3  the output could not be written";

/// The end of the help of `keygen`.
pub(crate) const KEYGEN_END: &str = "Examples:
  hushlog keygen
      create the identity of this user, and print its recipient
  hushlog member add vm \"$(hushlog keygen --output /etc/hushlog/identity.txt)\"
      create the identity of a machine, and seal secrets to it from now on
  hushlog keygen --signing
      create a key that signs registries, and print its public key for `member add --signer`

Exit status:
  0  the key is in its file, and its public half was printed
  2  the file exists, or its path cannot be used
  3  the file could not be written";

/// The end of the help of `secret`.
pub(crate) const SECRET_END: &str = "Examples:
  hushlog secret add openai-api-key --shared
      type in a secret for all members, exported as OPENAI_API_KEY
  hushlog secret add db-url --group production
      the same for the members of a group
  printf %s \"$token\" | hushlog secret add deploy-token --value-file -
      save a secret of the acting member alone, from standard input
  hushlog secret edit openai-api-key
      type in a new value
  hushlog secret edit deploy-token --expires 90d --note 'made by ops'
      note when it expires, and its origin; the value stays
  hushlog secret edit tls-key --file-target /srv/app/key.pem --identity alice.txt
      write it to another file, which is sealed with the value: the identity opens it for that
  hushlog secret edit ca-bundle --no-install
      keep a secret without exporting it
  hushlog secret move db-url --group staging --identity alice.txt
      seal a secret to the members of another group; the identity opens it for that
  hushlog secret add tls-key --shared --value-file tls.pem --file-target /srv/app/tls.pem --file-only
      write a secret to a file at boot, and set no variable
  hushlog secret import .env --shared --dry-run
      show each entry of a file as new, rotated or refused; without --dry-run, ask and save all
  hushlog secret list --json
      print names and metadata for programs

Exit status:
  0  done
  2  wrong usage, or the registry or a key is missing, not readable or invalid; nothing was changed
  3  the registry could not be written";

/// The end of the help of `member`.
pub(crate) const MEMBER_END: &str = "Examples:
  hushlog member add vm \"$(hushlog keygen --output vm.txt)\"
      create an identity, a member with it, and the registry if there is none
  hushlog member add alice age1... --signer \"$(hushlog keygen --signing)\"
      from now on, the registry must be signed
  hushlog member remove vm
      seal the shared secrets to the remaining members

Exit status:
  0  done
  2  wrong usage, or the registry or a key is missing, not readable or invalid; nothing was changed
  3  the registry could not be written";

/// The end of the help of `group`.
pub(crate) const GROUP_END: &str = "Examples:
  hushlog group add ops alice bob
      make a group; `hushlog secret add NAME --group ops` seals a secret to it
  hushlog group join ops carol
      let carol open the secrets of the group
  hushlog group leave ops bob
      give the group a new identity, and reseal its secrets to the others
  hushlog group add all
      seal the shared secrets to one group of all members: for many machines

Exit status:
  0  done
  2  wrong usage, or the registry or a key is missing, not readable or invalid; nothing was changed
  3  the registry could not be written";

/// The end of the help of `env`.
pub(crate) const ENV_END: &str = "Examples:
  hushlog env set production NODE_ENV=production LOG_LEVEL=info
      set two defaults, which are plain text
  hushlog env list production
      list them
  hushlog run --registry registry.yaml --environment production -- npm start
      pass them to a program, with the secrets

Exit status:
  0  done
  2  wrong usage, or the registry or a key is missing, not readable or invalid; nothing was changed
  3  the registry could not be written";

/// The end of the help of `merge`.
pub(crate) const MERGE_END: &str = "Examples:
  git config merge.hushlog.driver 'hushlog merge %O %A %B %L %P'
  git config merge.hushlog.recursive binary
      for git, once in each clone
  echo 'registry.yaml merge=hushlog' >> .gitattributes
      and once in the repository
  HUSHLOG_SIGN=signing.pem git checkout --merge registry.yaml
      redo a stopped merge with this driver, signed
  for n in 1 2 3; do git show :$n:registry.yaml > side.$n; done
  hushlog merge --theirs side.1 side.2 side.3 && mv side.2 registry.yaml
      resolve all conflicts with one side

Exit status:
  0  everything was merged
  1  entries conflict, or the registry must be signed and no key was given
  2  wrong usage, or a file is missing or not valid
  3  the result could not be written
  No value is opened.";

/// The end of the help of `registry`.
pub(crate) const REGISTRY_END: &str = "Examples:
  hushlog registry upgrade
      bring the usual registry forward
  hushlog registry upgrade --registry team.yaml --sign signing.pem
      bring a signed registry forward

Exit status:
  0  the registry is up to date
  2  wrong usage, or the registry or a key is missing, not readable or invalid; nothing was changed
  3  the registry could not be written";

/// The introduction of `console`.
pub(crate) const CONSOLE: &str = "Serve the registry's page to a browser on this machine: add, change, delete, import and search secrets.

Values are typed in, or read from a file, sealed at once, and never shown again. The machine needs no identity. Without --unix, the address \
that is printed works once, for one browser session, which acts as one member.";

/// The end of the help of `console`.
pub(crate) const CONSOLE_END: &str = "Examples:
  hushlog console
      print the address of the page, and open a browser if there is a display
  hushlog console --registry team.yaml --as alice --sign ~/.config/hushlog/signing.pem
      change a signed registry
  ssh -L 8080:127.0.0.1:8080 server hushlog console --listen 127.0.0.1:8080 --no-open
      reach the console of another machine through SSH
  hushlog console --unix console.sock --user-header X-Forwarded-User
      serve a proxy that signs people in

Exit status:
  0  stopped by a signal, or in the browser
  2  wrong usage, the registry or a key is missing, not readable or invalid, or the address cannot be used
  3  the system refused what it needs to begin";

/// The end of the help of `completions`.
pub(crate) const COMPLETIONS_END: &str = "Examples:
  hushlog completions bash > ~/.local/share/bash-completion/completions/hushlog
  hushlog completions zsh > ~/.zfunc/_hushlog
      with ~/.zfunc in fpath
  hushlog completions fish > ~/.config/fish/completions/hushlog.fish
      where the shells look for completions

Exit status:
  0  the script was printed
  2  there are no completions for this shell
  3  the output could not be written";

/// The end of the help of `man`.
pub(crate) const MAN_END: &str = "Examples:
  hushlog man
      show the page of the program, which lists the others
  hushlog man sidecar
      show the page of a command
  hushlog man threat-model | man -l -
      pass the page to man, where it is not the terminal that gets the output
  hushlog man --output /usr/local/share/man
      install all pages

Exit status:
  0  the page was shown or written
  2  there is no such page
  3  the output could not be written";

/// The end of the help of `help`.
pub(crate) const HELP_END: &str = "Examples:
  hushlog help
      list the commands and subjects
  hushlog help secret add
      show the options of a subcommand
  hushlog help threat-model
      read about a subject

Exit status:
  0  the help was printed
  2  there is no such command or subject
  3  the output could not be written";

/// The end of the short help of the program.
pub(crate) const MORE: &str = "hushlog --help shows details and examples; hushlog help lists the commands and subjects";

/// The end of the help of the program.
pub(crate) const END: &str = "Examples:
  app 2>&1 | hushlog | shipper
      mask the values of the well-known variables (*_TOKEN, *_PASSWORD ...)
  app 2>&1 | hushlog --env 'PROD_*' --env DB_URL >> app.log
      mask the values of these variables
  app 2>&1 | hushlog --dotenv .env --secret-file /run/secrets
      mask the values in files
  hushlog --secret-file key.pem --mask-char '*' < build.log
      keep columns aligned
  hushlog --report counts.json < old.log > clean.log
      count the masked secrets by name
  hushlog member add vm $(hushlog keygen --output vm.txt)
      create a registry of secrets that this machine's identity opens
  hushlog secret add openai-api-key --shared
      type in a secret, which is never shown again
  app 2>&1 | hushlog --registry registry.yaml --identity vm.txt
      mask all secrets of the registry that the identity opens
  hushlog boot --registry registry.yaml --identity vm.txt
      export them for as long as the machine is up; they are then the default source
  hushlog scrub --recursive --include '*.log' /var/log/app
      mask secrets in existing log files, in place
  hushlog scrub --check --secret-file /run/secrets build/
      exit with status 1 if any file contains a secret

Promises:
  1. No byte of a secret, of a listed form or of an identifying part of it gets out, however the input is cut.
  2. Nothing else changes, whatever the bytes are; only an input that ends inside a secret has that partial match masked.
  3. The output depends on the bytes alone, never on where the reads fell.
  4. Only what may be the beginning of a secret waits; a prompt appears at once.
  5. Time is linear in the input, and memory does not grow with it.
  6. On an error nothing raw is written, and the exit status tells.
  What is not promised: secrets that hushlog was not given, forms that are not listed (encrypted, compressed, encoded twice, \
in other letters), a value broken by something in its middle, and what was written before hushlog saw it.

Exit status:
  0  all input was read, and all output written
  1  no error, but the answer is no (check), or a secret was found (scrub --check)
  2  wrong usage, or a source of secrets is missing, unreadable or empty; nothing was read
  3  input or output failed, and the output is a prefix of the complete one; or a file could not be scrubbed
  If the reader of the output closes it, hushlog ends quietly by SIGPIPE (141 in shells), as cat does.";
