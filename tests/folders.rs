//! `abpn upscale` on folders and names: what is taken, what it becomes, and a second run.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use abpn::codec::{Format, Metadata, Picture};

use crate::pictures::{encoded, gradient, icc};
use crate::program::{Folder, ended};

#[test]
fn a_second_run_does_only_what_is_new() {
    for (arguments, first, second) in [
        // Results beside the inputs, and in a folder within that of the inputs.
        ("in --skip-existing", ["in/a_x3.png", "in/b_x3.png"], "in/c_x3.png"),
        ("in/*.png --skip-existing", ["in/a_x3.png", "in/b_x3.png"], "in/c_x3.png"),
        ("in -o in/large -r --skip-existing", ["in/large/a.png", "in/large/b.png"], "in/large/c.png"),
    ] {
        let folder = Folder::new();
        // As a shell would.
        let expanded = || {
            let names = folder.names().into_iter().filter(|name| name.starts_with("in/"));
            arguments.replace("in/*.png", &names.collect::<Vec<_>>().join(" "))
        };
        for name in ["in/a.png", "in/b.png"] {
            folder.image(name, &gradient(3, 3));
        }
        folder.accept(&expanded(), &first);
        folder.accept(&expanded(), &[]);
        folder.image("in/c.png", &gradient(3, 3));
        folder.accept(&expanded(), &[second]);
        folder.accept(&expanded(), &[]);
    }
}

#[test]
fn earlier_results_are_known_by_their_originals() {
    let folder = Folder::new();
    for name in ["in/a.jpg", "in/a_x2.png", "in/alone_x3.png", "in/b_xy.png", "in/sub/a_x3.png"] {
        folder.image(name, &gradient(8, 8));
    }
    // Neither is a result of anything that is there.
    let ended = folder.accept("in -r -o out", &["out/a.jpg", "out/alone_x3.png", "out/b_xy.png", "out/sub/a_x3.png"]);
    assert!(ended.stderr.contains("in/a_x2.png: passed over, an earlier result"), "{}", ended.stderr);
    // Named alone it is an image like others.
    folder.accept("in/a_x2.png", &["in/a_x2_x3.png"]);
}

#[test]
fn hidden_files_are_passed_over_and_other_formats_counted() {
    let folder = Folder::new();
    for name in ["in/a.png", "in/.b.png", "in/._a.png", "in/.hidden/c.png"] {
        folder.image(name, &gradient(3, 3));
    }
    for name in ["in/a.cr2", "in/b.NEF", "in/c.psd", "in/notes.txt", "in/.d.psd"] {
        folder.write(name, b"something");
    }
    let ended = folder.accept("in -r -o out", &["out/a.png"]);
    let said = "abpn: files of formats that abpn doesn't read were passed over: 1 of PSD, 2 of camera raw";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert_eq!(folder.run("in -r -o out2 --quiet").stderr, "");
    folder.accept("in/.b.png", &["in/.b_x3.png"]);
}

#[test]
fn what_is_no_extension_stays_in_the_name() {
    let folder = Folder::new();
    for name in ["frame.0001", "frame.0002", "v1.2"] {
        folder.write(name, &encoded(&crate::pictures::bare(gradient(3, 3)), Format::Qoi));
    }
    folder.accept("frame.0001 frame.0002 -o out", &["out/frame.0001.png", "out/frame.0002.png"]);
    folder.accept("v1.2", &["v1.2_x3.png"]);
}

#[test]
fn an_output_without_extension_may_have_meant_a_folder() {
    let folder = Folder::new();
    folder.image("a.png", &gradient(3, 3));
    let ended = folder.refuse("a.png -o results", 2, "for a folder, end it with a slash (results/)");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    folder.accept("a.png -o results/", &["results/a.png"]);
}

#[test]
fn a_picture_as_the_command_is_answered_with_the_command() {
    let folder = Folder::new();
    folder.image("photo.png", &gradient(3, 3));
    for input in ["photo.png", "missing.jpg"] {
        let ended = ended(&mut folder.bare_command(input));
        assert_eq!(ended.code, Some(2));
        assert_eq!(ended.stderr, format!("abpn: {input} is no command; to upscale it: abpn upscale {input}\n"));
    }
    let ended = ended(&mut folder.bare_command("upscael"));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("'upscale'"), "{}", ended.stderr);
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let folder = Folder::new();
    for name in ["in/a.png", "in/b.png", "in/c.png", "in/a_x3.png"] {
        folder.image(name, &gradient(3, 3));
    }
    folder.write("in/d.nef", b"");
    let before = folder.names();
    let ended = folder.run("in --dry-run --skip-existing");
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    let told = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "skip: in/a.png -> in/a_x3.png (there already)",
            "upscale: in/b.png -> in/b_x3.png",
            "upscale: in/c.png -> in/c_x3.png",
            "pass over: in/a_x3.png (an earlier result)",
            "pass over: 1 of camera raw, which abpn doesn't read",
        ]
    );
    let ended = folder.run("in missing.png --dry-run");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("2 of 4 inputs would fail"), "{ended:?}");
    assert_eq!(folder.names(), before);
}

#[test]
fn stripping_and_keeping() {
    let folder = Folder::new();
    let mut metadata = Metadata::default();
    metadata.icc = Some(icc());
    metadata.xmp = Some(b"<x/>".to_vec());
    folder.write("a.png", &encoded(&Picture { image: gradient(3, 3), metadata: metadata.clone() }, Format::Png));
    folder.accept("a.png", &["a_x3.png"]);
    assert_eq!(folder.read("a_x3.png").metadata, metadata);
    folder.accept("a.png --strip -o stripped.png", &["stripped.png"]);
    metadata.xmp = None;
    assert_eq!(folder.read("stripped.png").metadata, metadata);

    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(folder.path("a.png")).unwrap().set_modified(long_ago).unwrap();
    let time = |name: &str| fs::metadata(folder.path(name)).unwrap().modified().unwrap();
    folder.accept("a.png -o kept.png --keep-time", &["kept.png"]);
    assert_eq!(time("kept.png"), long_ago);
    folder.accept("a.png -o new.png", &["new.png"]);
    assert_ne!(time("new.png"), long_ago);
}

#[cfg(unix)]
#[test]
fn results_are_no_more_open_than_their_inputs() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mode = |name: &str| fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777;
    let set = |name: &str, mode| fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).unwrap();
    folder.image("a.png", &gradient(3, 3));
    for input in [0o600, 0o640, 0o400] {
        set("a.png", input);
        folder.accept("a.png -o out.png --overwrite", if input == 0o600 { &["out.png"] } else { &[] });
        // What replaces a file has that one's.
        assert_eq!(mode("out.png"), 0o600);
        let name = format!("{input}.png");
        folder.accept(&format!("a.png -o {name}"), &[&name]);
        assert_eq!(mode(&name), input);
    }
}

#[test]
fn what_a_killed_run_has_left_is_removed() {
    let folder = Folder::new();
    let old = SystemTime::now() - Duration::from_secs(3600);
    let leave = |name: &str| {
        folder.write(name, b"half a picture");
        let file = File::options().write(true).open(folder.path(name)).unwrap();
        file.set_modified(old).unwrap();
        file
    };
    folder.image("a.png", &gradient(3, 3));
    leave("out/.abpn-dead.tmp");
    leave("out/.other-dead.tmp");
    leave("out/.abpn-dead.png");
    let alive = leave("out/.abpn-alive.tmp");
    alive.lock().unwrap();
    folder.write("out/.abpn-new.tmp", b"not locked yet");
    assert_eq!(folder.run("a.png -o out/").code, Some(0));
    let left =
        ["a.png", "out/.abpn-alive.tmp", "out/.abpn-dead.png", "out/.abpn-new.tmp", "out/.other-dead.tmp", "out/a.png"];
    assert_eq!(folder.names(), left);
}

#[test]
fn completions_and_manual_pages_are_there() {
    let folder = Folder::new();
    let told = |arguments: &str| {
        let ended = ended(&mut folder.bare_command(arguments));
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{arguments}");
        String::from_utf8(ended.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = told(&format!("completions {shell}"));
        assert!(script.contains("skip-existing") && script.contains("selftest"), "{shell}");
    }
    let page = told("man");
    assert!(page.contains(".TH abpn 1") && page.contains("abpn\\-upscale(1)"), "{page}");
    assert!(told("man upscale").contains("\\-\\-skip\\-existing"));
    assert!(told("man model info").contains(".TH abpn-model-info 1"));
    let ended = ended(&mut folder.bare_command("man nothing"));
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stderr.lines().count(), 1);
    told("man -o pages");
    assert!(folder.names().contains(&"pages/abpn-model-info.1".to_owned()), "{:?}", folder.names());
}

#[test]
fn there_are_no_colours_but_on_terminals() {
    let folder = Folder::new();
    folder.image("a.png", &gradient(3, 3));
    for arguments in
        ["--help", "upscale --help", "upscale", "upscale a.png --device cpu", "nonsense", "man", "adapters"]
    {
        let ended = ended(&mut folder.bare_command(arguments));
        assert!(!ended.stdout.contains(&0x1b) && !ended.stderr.contains('\x1b'), "{arguments}: {ended:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn colours_on_terminals_can_be_turned_off() {
    let folder = Folder::new();
    for (wish, has_colours) in [(None, true), (Some("1"), false)] {
        // A terminal of its own, from util-linux.
        let mut command = std::process::Command::new("script");
        command.args(["-qec", concat!(env!("CARGO_BIN_EXE_abpn"), " upscale --help"), "/dev/null"]);
        command
            .current_dir(folder.path(""))
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR");
        command.envs(wish.map(|wish| ("NO_COLOR", wish)));
        let ended = ended(command.stdin(std::process::Stdio::null()));
        assert!(String::from_utf8_lossy(&ended.stdout).contains("--skip-existing"), "{ended:?}");
        assert_eq!(ended.stdout.windows(3).any(|part| part == b"\x1b[1"), has_colours, "{wish:?} {ended:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_a_desktop_is_no_error() {
    let folder = Folder::new();
    let ended = ended(folder.bare_command("adapters").env_remove("XDG_RUNTIME_DIR"));
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
}
