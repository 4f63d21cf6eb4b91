//! The command line: reads it, runs one command, says what went wrong.

mod admin;
mod applications;
mod audit;
mod backup;
mod cli;
mod contract;
mod files;
mod health;
mod jobs;
mod log;
mod output;
mod pages;
mod serve;
mod sessions;
mod transfers;
mod usage;
mod webhooks;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::config::{Config, Source};
use crate::error::{Error, chain};
use crate::store::{DatabaseSettings, Store};

use cli::{Cli, Command, GptCommand};

/// How long a command waits for a database that is away before it gives up.
const DATABASE_PATIENCE: Duration = Duration::from_secs(30);

/// What a command fails with: a sentence for the person at the terminal.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = Config::read(Source::from_process())
        .map_err(Failure::from)
        .and_then(|config| {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(dispatch(cli, config))
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("gpt-object-store: {}", chain(failure.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli, config: Config) -> Result<(), Failure> {
    let json = cli.json;
    let _log = log::start(&config.log)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(config, json).await,
        Command::Worker => serve::work(config).await,
        Command::Migrate => serve::migrate(config, json).await,
        Command::Gpt(command @ GptCommand::Delete { .. }) => {
            let service = admin::service_with_files(config).await?;
            admin::gpt(&service, command, json).await
        }
        Command::Gpt(command) => admin::gpt(&admin::service(config).await?, command, json).await,
        Command::Files(command) => {
            let service = admin::service_with_files(config).await?;
            files::files(&service, command, json).await
        }
        Command::Key(command) => admin::key(&admin::service(config).await?, command, json).await,
        Command::App(command) => {
            applications::app(&admin::service(config).await?, command, json).await
        }
        Command::Session(command) => {
            sessions::session(&admin::service(config).await?, command, json).await
        }
        Command::Oauth(command) => {
            let service = admin::service_with_tokens(config).await?;
            sessions::oauth(&service, command, json).await
        }
        Command::Audit(command) => {
            audit::audit(&admin::service(config).await?, command, json).await
        }
        Command::Import(arguments) => transfers::import(config, arguments, json).await,
        Command::Export(arguments) => transfers::export(config, arguments, json).await,
        Command::Job(command) => jobs::job(&admin::service(config).await?, command, json).await,
        Command::Webhook(command) => webhooks::webhook(config, command, json).await,
        Command::Openapi {
            operator,
            format,
            public_url,
        } => contract::print(operator, format, public_url, &config.http),
        Command::Backup { output } => backup::back_up(config, output, json).await,
        Command::Restore { file, overwrite } => {
            backup::restore(&config, &file, overwrite, json).await
        }
        Command::Health { url } => health::check(url, &config, json).await,
    }
}

/// A migrated store, waiting for a database that is still starting.
async fn open_store(config: &Config) -> Result<Store, Error> {
    let deadline = tokio::time::Instant::now() + DATABASE_PATIENCE;
    let mut pause = Duration::from_millis(100);
    loop {
        let opened = async {
            let mut settings = DatabaseSettings::new(config.database.url.as_str());
            settings.max_connections = config.database.max_connections;
            let store = Store::connect(&settings).await?;
            store.migrate().await?;
            Ok::<_, Error>(store)
        };
        match opened.await {
            Err(Error::Unavailable(cause)) if tokio::time::Instant::now() + pause < deadline => {
                tracing::warn!(cause, "the database cannot be reached; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            outcome => return outcome,
        }
    }
}
