//! Rebuilds when a template is added: `include_dir` notices edited files only.
fn main() {
    println!("cargo:rerun-if-changed=templates");
}
