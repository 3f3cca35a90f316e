//! `rop create api`.

use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::write::{self, BoolFlag, Outcome, WriteArgs};
use crate::plan::{Doubt, Tree};
use crate::project::Scope;
use crate::project::names::{Domain, GroupName, ImageRef, Kind, NameError, Plural, Port, Version};
use crate::scaffold::{self, NewApi};

/// Add an API to a project
///
/// Write the Rust types of a kind, a reconciler that runs an image for each of its objects, tests, a sample, the CRD and
/// the permissions that go with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rop create api --kind MyApp
  rop create api --group app --version v1alpha1 --kind Cache --image redis:7 --port 6379
  rop create api --kind Tenant --namespaced=false")]
pub(crate) struct ApiArgs {
    /// The kind, in CamelCase
    #[arg(long)]
    kind: String,

    /// The part of the API group before the project's domain [default: none, the group is the domain]
    #[arg(long)]
    group: Option<String>,

    /// The API version [default: v1alpha1]
    #[arg(long)]
    version: Option<String>,

    /// The plural of the kind, in lower case [default: by the rules of English]
    #[arg(long)]
    plural: Option<String>,

    /// Define the type and its CRD [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    resource: Option<BoolFlag>,

    /// Reconcile the objects [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    controller: Option<BoolFlag>,

    /// Let the objects live in namespaces, not in the cluster [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    namespaced: Option<BoolFlag>,

    /// The image that the reconciler runs by default [default: nginxinc/nginx-unprivileged:1.29]
    #[arg(long)]
    image: Option<String>,

    /// The port that the image listens on [default: 8080]
    #[arg(long)]
    port: Option<String>,

    /// Overwrite files of this API that exist, and files of rop that were edited
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(ctx: &Context, args: ApiArgs) -> anyhow::Result<ExitCode> {
    let tree = Tree::open(ctx.project_directory()?)?;
    let domain = scaffold::read_manifest(&tree)?.map(|manifest| manifest.project.domain);
    let (force, write) = (args.force, args.write.clone());
    let api = new_api(args, domain.as_ref())?;
    let kind = api.kind.clone();
    let mut plan = scaffold::create_api(&tree, api)?;
    if force {
        plan.force(|doubt| matches!(doubt, Doubt::Exists | Doubt::Edited));
    }
    if write::carry_out(ctx, &write, &plan)? == Outcome::Written {
        ctx.shell
            .note(format_args!("{kind} is ready to be changed: its types, its reconciler and their tests are yours"));
    }
    Ok(ExitCode::SUCCESS)
}

fn new_api(args: ApiArgs, domain: Option<&Domain>) -> Result<NewApi, NameError> {
    let ApiArgs { kind, group, version, plural, resource, controller, namespaced, image, port, force: _, write: _ } =
        args;
    let parse_group = |text: &str| match domain {
        Some(domain) => GroupName::parse_in(text, domain),
        None => GroupName::parse(text),
    };
    Ok(NewApi {
        kind: Kind::parse(&kind)?,
        group: group.as_deref().map(parse_group).transpose()?,
        version: version.as_deref().map(Version::parse).transpose()?,
        plural: plural.as_deref().map(Plural::parse).transpose()?,
        scope: namespaced.map(|flag| Scope::from_namespaced(flag.get())),
        types: resource.is_none_or(BoolFlag::get),
        controller: controller.is_none_or(BoolFlag::get),
        image: image.as_deref().map(ImageRef::parse).transpose()?,
        port: port.as_deref().map(Port::parse).transpose()?,
    })
}
