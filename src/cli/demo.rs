//! `rop demo`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::looping;
use crate::controlplane::Handle;
use crate::devloop::access::Target;
use crate::devloop::demo::{Sample, tour};
use crate::devloop::install::Identity;
use crate::devloop::session::{Options, Session};
use crate::plan::apply::apply;
use crate::plan::{Plan, Tree};
use crate::project::names::{Domain, Kind, ProjectName};
use crate::project::{Project, Resource};
use crate::scaffold::{self, NewApi};

/// The name of the tour's project, and the folder that it is written to.
const NAME: &str = "rop-demo";

/// Take the tour
///
/// Scaffold a sample operator, build it, run it against a Kubernetes API inside rop, and show on a sample what it does: the
/// sample becomes ready, is scaled, heals, and is cleaned up. The project is left behind to play with.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where to write the project
    #[arg(default_value = NAME)]
    dir: PathBuf,
}

pub(crate) fn run(ctx: &Context, args: DemoArgs) -> anyhow::Result<ExitCode> {
    let directory = ctx.resolve(&args.dir)?;
    scaffold_sample(ctx, &directory)?;
    let project = looping::read_project(&directory)?;
    let Some(resource) = project.resources().first() else {
        return Err(crate::cli::report::UserError::new(format!("`{}` has no API", args.dir.display()))
            .help("take the tour in a new directory: `rop demo DIR`")
            .into());
    };
    let sample = sample(resource);
    let options = Options {
        target: Target::Embedded(Handle::builder().name(NAME)),
        cargo: looping::cargo(ctx, directory, false),
        identity: Identity::of(project.name.as_str()),
        namespaced: project.watches.is_namespaced(),
        samples: true,
        watch: false,
        arguments: Vec::new(),
    };
    let report = looping::printer(&ctx.shell, &project);
    looping::runtime()?
        .block_on(async {
            let stop = looping::stop_signal()?;
            let mut session = Session::open(options, report.clone()).await?;
            let result = tokio::select! {
                result = async {
                    session.start_operator().await?;
                    tour(&session, &sample, &report).await
                } => result.map(|()| ExitCode::SUCCESS),
                () = stop => Ok(ExitCode::FAILURE),
            };
            session.close().await;
            result.map_err(anyhow::Error::from)
        })
        .inspect(|_| {
            let dir = args.dir.display();
            ctx.shell.note(format_args!("the project is yours to play with: `cd {dir} && rop run --samples --watch`"));
        })
}

/// Writes the project of the tour; one that is there already is used as it is.
fn scaffold_sample(ctx: &Context, directory: &std::path::Path) -> anyhow::Result<()> {
    if scaffold::read_manifest(&Tree::open(directory)?)?.is_some() {
        ctx.shell.status("Found", format_args!("a project in {}", directory.display()));
        return Ok(());
    }
    let project = Project::new(ProjectName::parse(NAME)?, Domain::parse("example.com")?);
    write(ctx, &scaffold::init(&Tree::open(directory)?, project)?)?;
    let api = NewApi {
        group: None,
        version: None,
        kind: Kind::parse("MyApp")?,
        plural: None,
        scope: None,
        types: true,
        controller: true,
        image: None,
        port: None,
    };
    write(ctx, &scaffold::create_api(&Tree::open(directory)?, api)?)
}

fn write(ctx: &Context, plan: &Plan) -> anyhow::Result<()> {
    apply(plan)?;
    let count = plan.changes().len();
    ctx.shell.status("Wrote", format_args!("{count} files to {}", plan.root().display()));
    Ok(())
}

fn sample(resource: &Resource) -> Sample {
    Sample {
        group: resource.group.to_string(),
        version: resource.version.to_string(),
        kind: resource.kind.to_string(),
        plural: resource.plural.to_string(),
        name: format!("{}-sample", resource.kind.lower()),
    }
}
