//! The documents: their links lead somewhere, in the repository and in the package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files that a Markdown text links: no addresses, and no places within a file.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains("://"))
}

/// The files that a Markdown text names as code. `X.rs` and `NAME.rs` stand for any.
fn named_files(text: &str) -> impl Iterator<Item = &str> {
    let is_file = |name: &&str| {
        let path = Path::new(name);
        let suffix = path.extension().is_some_and(|suffix| ["rs", "wgsl"].iter().any(|known| suffix == *known));
        let place = ["src/", "shaders/", "scripts/", "tests/"].iter().any(|folder| name.starts_with(folder));
        let stands_for_any = path.file_stem().is_some_and(|stem| stem == "X" || stem == "NAME");
        (suffix || place) && !name.contains([' ', '*']) && !stands_for_any
    };
    text.split('`').skip(1).step_by(2).filter(is_file)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files in a folder and those in it, but for hidden folders and what was built.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !path.is_dir() {
            found.push(path);
        } else if !name.starts_with('.') && name != "target" {
            files(&path, found);
        }
    }
}

fn all_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(root(), &mut found);
    found
}

/// The Markdown files, each with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let is_document = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let documents: Vec<_> = all_files().into_iter().filter(is_document).collect();
    assert!(documents.contains(&root().join("README.md")), "{documents:?}");
    let with_text = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    documents.into_iter().map(with_text).collect()
}

#[test]
fn links_are_found_and_addresses_left_out() {
    let text = "[a](b.md), ![c](d/e.png) [f](https://g.h) [i](#j) [k](l.md#m)";
    assert_eq!(links(text).collect::<Vec<_>>(), ["b.md", "d/e.png", "l.md"]);
}

#[test]
fn names_of_files_are_found_and_other_code_left_out() {
    let text = "`a.rs` b.rs `c.wgsl`, `src/d` `src/X.rs` `e_*.rs` `abpn f.rs` `g`";
    assert_eq!(named_files(text).collect::<Vec<_>>(), ["a.rs", "c.wgsl", "src/d"]);
}

#[test]
fn each_link_leads_to_a_file() {
    for (document, text) in documents() {
        for link in links(&text) {
            assert!(document.with_file_name(link).exists(), "{}: {link}", document.display());
        }
    }
}

#[test]
fn each_file_that_is_named_is_there() {
    let all = all_files();
    // What is logged was so once.
    let of_today =
        |document: &Path| !document.starts_with(root().join("docs/log")) && !document.ends_with("CHANGELOG.md");
    for (document, text) in documents().into_iter().filter(|(document, _)| of_today(document)) {
        for name in named_files(&text) {
            let is_there = root().join(name).exists() || all.iter().any(|file| file.ends_with(name));
            assert!(is_there, "{}: {name}", document.display());
        }
    }
}

#[test]
fn the_package_has_what_the_readme_links() {
    let list = Command::new(env!("CARGO")).args(["package", "--list", "--allow-dirty"]).current_dir(root()).output();
    let list = String::from_utf8(list.unwrap().stdout).unwrap().replace('\\', "/");
    let has = |link: &str| list.lines().any(|file| Path::new(file).starts_with(link));
    assert!(has("src/lib.rs") && !has("tests"), "{list}");
    for link in links(&fs::read_to_string(root().join("README.md")).unwrap()) {
        assert!(has(link), "{link} is not in {list}");
    }
}
