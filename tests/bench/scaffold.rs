//! `rop init` and `rop create api`, beside `git init`.

use std::path::Path;

use anyhow::Context as _;

use crate::Settings;
use crate::process::{Cost, cost};
use crate::table::{Row, Table};

/// These commands are so short that more runs are needed than elsewhere.
const RUNS: usize = 5;

pub(crate) fn measure(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let (mut git, mut init, mut api, mut floor) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.runs * RUNS {
        let directory = tempfile::tempdir().context("failed to make a temporary directory")?;
        let (home, shop) = (directory.path(), directory.path().join("shop"));
        git.push(cost(home, "git", &["init", "--quiet", "repository"])?);
        init.push(cost(home, &settings.rop, &["init", "shop", "--domain", "example.com"])?);
        api.push(cost(&shop, &settings.rop, &["create", "api", "--kind", "MyApp"])?);
        floor.push(cost(Path::new("/"), "true", &[] as &[&str])?);
    }
    let wall = |costs: &[Cost]| costs.iter().map(|cost| cost.wall).collect();
    let peak = |costs: &[Cost]| costs.iter().map(|cost| cost.peak).collect();
    let git_wall = Row::new("git init", "ms", wall(&git));
    table.row(Row::new("rop init", "ms", wall(&init)).beside(&git_wall));
    table.row(Row::new("rop create api", "ms", wall(&api)).beside(&git_wall));
    table.row(git_wall);
    let git_peak = Row::new("git init, peak memory", "MB", peak(&git));
    table.row(Row::new("rop init, peak memory", "MB", peak(&init)).beside(&git_peak));
    table.row(Row::new("rop create api, peak memory", "MB", peak(&api)).beside(&git_peak));
    table.row(git_peak);
    table.row(Row::new("true, peak memory (floor)", "MB", peak(&floor)));
    Ok(())
}
