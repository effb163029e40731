//! The program: parse, dispatch, error to message and exit code.

mod cli;

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

use cli::args::{self, Command, Parsed};
use cli::exit::Exit;
use cli::message::{self, Failure};
use cli::{
    boot, check, completions, console, env, explain, export, filter, group, guard, harden, keygen, man, member, merge,
    run, scrub, secret, sidecar, stdio, upgrade,
};

/// Wipes freed memory, so no copy of a secret outlives its use, be it in a grown buffer or in a
/// parser's scratch memory.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    harden::process();
    hushlog::sys::lock::report_waits(message::note);
    match dispatch() {
        Ok(exit) => {
            message::release();
            exit.into()
        }
        Err(failure) => {
            message::error(&failure);
            failure.exit.into()
        }
    }
}

fn dispatch() -> Result<Exit, Failure> {
    let args = match args::parse(std::env::args_os())? {
        Parsed::Show(text) => return stdio::print(text.as_bytes()),
        Parsed::Args(args) => args,
    };
    match args.command {
        None => filter::run(&args.filter, args::commands),
        Some(Command::Filter(filter)) => filter::run(&filter, args::commands),
        Some(Command::Run(command)) => run::run(command),
        Some(Command::Guard(guard)) => guard::run(&guard),
        Some(Command::Scrub(scrub)) => scrub::run(&scrub),
        Some(Command::Sidecar(sidecar)) => sidecar::run(&sidecar),
        Some(Command::Boot(boot)) => boot::run(&boot),
        Some(Command::Check(check)) => check::run(&check),
        Some(Command::Explain(explain)) => explain::run(&explain),
        Some(Command::Export(export)) => export::run(&export),
        Some(Command::Keygen(keygen)) => keygen::run(&keygen),
        Some(Command::Secret(command)) => secret::run(&command),
        Some(Command::Member(command)) => member::run(&command),
        Some(Command::Group(command)) => group::run(&command),
        Some(Command::Env(command)) => env::run(&command),
        Some(Command::Registry(command)) => upgrade::run(&command),
        Some(Command::Merge(merge)) => merge::run(&merge),
        Some(Command::Console(args)) => console::run(&args),
        Some(Command::Completions(completions)) => completions::run(&completions, args::program()),
        Some(Command::Man(man)) => man::run(&man, &args::program()),
        Some(Command::Help(help)) => stdio::print(help.text(args::program())?.as_bytes()),
    }
}
