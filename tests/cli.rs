//! The program from outside: what it writes, what it says, and how it ends.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use abpn::codec::{Format, Picture, decode};
use abpn::{Image, Layout, Samples};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::pictures::{DEPTHS, LAYOUTS, bare, described, encoded, exif, gradient, icc, noise};
use crate::program::{Ended, Folder, cpu_device, ended, nearest, zeros};

/// What the net of [`nearest`] makes of an image without alpha.
fn repeated(image: &Image, scale: usize) -> Image {
    fn repeat<S: Copy>(samples: &[S], width: usize, channels: usize, scale: usize) -> Vec<S> {
        let row = |row: &[S]| -> Vec<S> {
            row.chunks(channels).flat_map(|pixel| std::iter::repeat_n(pixel, scale)).flatten().copied().collect()
        };
        samples.chunks(width * channels).flat_map(|stored| std::iter::repeat_n(row(stored), scale)).flatten().collect()
    }
    let (width, channels) = (image.width() as usize, image.layout().channels());
    let samples = match image.samples() {
        Samples::U8(samples) => Samples::U8(repeat(samples, width, channels, scale)),
        Samples::U16(samples) => Samples::U16(repeat(samples, width, channels, scale)),
    };
    let scale = u32::try_from(scale).unwrap();
    Image::new(image.width() * scale, image.height() * scale, image.layout(), samples).unwrap()
}

#[test]
fn an_image_goes_beside_its_input_by_default() {
    let folder = Folder::new();
    let image = noise(5, 4, Layout::Rgb, 8);
    folder.image("a.b.png", &image);
    let ended = folder.accept("a.b.png", &["a.b_x3.png"]);
    assert_eq!(folder.read("a.b_x3.png").image, repeated(&image, 3));
    assert_eq!(ended.stderr, format!("abpn: running on {}\n", cpu_device()));
    assert_eq!(folder.run("a.b.png --overwrite --quiet").stderr, "");
}

#[test]
fn every_layout_and_depth_survives_every_format() {
    for layout in LAYOUTS {
        for bits in DEPTHS {
            let folder = Folder::new();
            let opaque = match (noise(4, 3, layout, bits), layout.has_alpha()) {
                (image, false) => image,
                (image, true) => with_opaque_alpha(&image),
            };
            folder.image("a.png", &opaque);
            for format in Format::WRITTEN {
                let output = format!("out.{}", format.extension());
                folder.accept(&format!("a.png -o {output}"), &[&output]);
                let image = folder.read(&output).image;
                assert_eq!((image.width(), image.height()), (12, 9));
                if matches!(format, Format::Png | Format::Pnm) {
                    assert_eq!(image, repeated(&opaque, 3), "{format} {layout:?} {bits}");
                }
            }
        }
    }
}

fn with_opaque_alpha(image: &Image) -> Image {
    let channels = image.layout().channels();
    let is_alpha = |at: usize| at % channels == channels - 1;
    let samples = match image.samples() {
        Samples::U8(samples) => {
            Samples::U8(samples.iter().enumerate().map(|(at, &s)| if is_alpha(at) { u8::MAX } else { s }).collect())
        }
        Samples::U16(samples) => {
            Samples::U16(samples.iter().enumerate().map(|(at, &s)| if is_alpha(at) { u16::MAX } else { s }).collect())
        }
    };
    Image::new(image.width(), image.height(), image.layout(), samples).unwrap()
}

#[test]
fn transparency_is_not_lost_in_a_jpeg() {
    let folder = Folder::new();
    folder.image("a.png", &noise(4, 3, Layout::Rgba, 8));
    let ended = folder.refuse("a.png -o out.jpg", 1, "out.jpg");
    assert!(ended.stderr.contains("transparent") && ended.stderr.contains("PNG"), "{}", ended.stderr);
}

#[test]
fn too_large_a_result_for_the_format_is_an_error() {
    let folder = Folder::new();
    folder.image("a.png", &noise(5500, 1, Layout::Grey, 8));
    folder.refuse("a.png -o out.webp", 1, "16383");
    folder.accept("a.png -o out.jpg", &["out.jpg"]);
}

#[test]
fn what_a_format_can_not_hold_is_said() {
    let folder = Folder::new();
    let picture = described(noise(3, 3, Layout::Rgb, 16), Some(icc()), Some(exif(1)));
    folder.write("a.png", &encoded(&picture, Format::Png));
    let ended = folder.accept("a.png -o out.qoi", &["out.qoi"]);
    for said in ["a.png: 16-bit", "a.png: the ICC", "a.png: the EXIF"] {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    folder.accept("a.png -o out.webp", &["out.webp"]);
    let carried = folder.read("out.webp");
    assert_eq!((carried.metadata.icc, carried.metadata.exif), (Some(icc()), Some(exif(1))));
}

#[test]
fn pictures_come_out_upright() {
    let stored = noise(4, 2, Layout::Rgb, 8);
    for orientation in 1..=8 {
        let folder = Folder::new();
        let picture = described(stored.clone(), None, Some(exif(orientation)));
        let file = encoded(&picture, Format::Png);
        folder.write("a.png", &file);
        folder.accept("a.png", &["a_x3.png"]);
        let upright = decode(&file, 8).unwrap().0;
        assert_eq!(folder.read("a_x3.png"), Picture { image: repeated(&upright.image, 3), ..upright });
    }
}

#[test]
fn a_wrong_extension_does_not_matter() {
    let folder = Folder::new();
    let image = gradient(8, 8);
    folder.write("a.png", &encoded(&bare(image.clone()), Format::Qoi));
    folder.accept("a.png", &["a_x3.png"]);
    assert_eq!(fs::read(folder.path("a_x3.png")).unwrap()[..4], *b"\x89PNG");
    folder.write("b.data", &encoded(&bare(image.clone()), Format::Qoi));
    folder.accept("b.data", &["b.data_x3.png"]);
    assert_eq!(folder.read("b.data_x3.png").image, repeated(&image, 3));
    let mut bmp = std::io::Cursor::new(Vec::new());
    let Samples::U8(rgb) = image.samples() else { unreachable!() };
    image::write_buffer_with_format(&mut bmp, rgb, 8, 8, image::ColorType::Rgb8, image::ImageFormat::Bmp).unwrap();
    folder.write("c.bmp", bmp.get_ref());
    folder.accept("c.bmp", &["c_x3.png"]);
    assert_eq!(folder.read("c_x3.png").image, repeated(&image, 3));
}

#[test]
fn bad_inputs_are_named() {
    let folder = Folder::new();
    let file = encoded(&bare(gradient(20, 20)), Format::Png);
    folder.write("cut.png", &file[..file.len() / 2]);
    let jpeg = encoded(&bare(gradient(40, 40)), Format::Jpeg);
    folder.write("cut.jpg", &jpeg[..jpeg.len() * 3 / 4]);
    folder.write("empty.png", b"");
    folder.write("text.png", b"hello, world");
    folder.image("large.png", &gradient(20, 20));
    for name in ["cut.png", "cut.jpg", "empty.png", "text.png", "missing.png"] {
        folder.refuse(name, 1, name);
    }
    let ended = folder.refuse("large.png --max-pixels 399", 1, "large.png");
    assert!(ended.stderr.contains("--max-pixels"), "{}", ended.stderr);
    folder.accept("large.png --max-pixels 400", &["large_x3.png"]);
}

#[test]
fn bad_outputs_are_named() {
    let folder = Folder::new();
    folder.image("a.png", &gradient(3, 3));
    folder.image("b.png", &gradient(3, 3));
    folder.write("file", b"");
    folder.refuse("a.png -o file/out.png", 1, "file");
    folder.refuse("a.png b.png -o file", 1, "file");
    if cfg!(target_os = "linux") {
        // Where not even the superuser may make a file, and what is no file.
        folder.refuse("a.png -o /proc/out.png", 1, "/proc/out.png");
        folder.refuse("a.png -o /dev/full --format png --overwrite", 1, "/dev/full");
        assert!(!fs::metadata("/dev/full").unwrap().is_file());
    }
    folder.refuse("a.png -o out.gif", 2, "out.gif");
    folder.refuse("a.png -o out.bmp", 2, "out.bmp");
    folder.refuse("a.png -o out", 2, "out");
    folder.refuse("a.png -o out.png --format jpeg", 2, "out.png");
    folder.refuse("a.png -o a.png --overwrite", 2, "a.png");
    folder.refuse("a.png -o ./ --overwrite", 2, "a.png");
    folder.refuse("a.png a.png", 2, "a_x3.png");
    folder.image("a.qoi", &gradient(3, 3));
    folder.refuse("a.png a.qoi -o out --format png", 2, "out/a.png");
}

#[test]
fn bad_options_are_usage_errors() {
    let folder = Folder::new();
    folder.image("a.png", &gradient(3, 3));
    for (options, named) in [
        ("", "<INPUT>..."),
        ("a.png --tile 0", "--tile"),
        ("a.png --tile large", "--tile"),
        ("a.png --jobs 0", "--jobs"),
        ("a.png --quality 0", "--quality"),
        ("a.png --quality 101", "--quality"),
        ("a.png --quality 90", "--quality"),
        ("a.png --format gif", "gif"),
        ("a.png --format bmp", "bmp"),
        ("a.png --scale 5", "--scale"),
        ("a.png --scale 2", "--scale"),
        ("a.png --gpu 0", "--gpu"),
        ("a.png --nonsense", "--nonsense"),
        ("a.png --overwrite --skip-existing", "--skip-existing"),
        ("a.png -o - --json", "--json"),
        ("a.png net.safetensors -o -", "-o -"),
        ("a.png -", "standard input"),
        ("- -o ./", "standard input"),
    ] {
        folder.refuse(options, 2, named);
    }
}

#[test]
fn there_is_a_built_in_net_for_each_scale() {
    let folder = Folder::new();
    folder.image("a.png", &gradient(5, 4));
    for (options, scale) in [("", 3), (" --scale 2", 2), (" --scale 3 --overwrite", 3), (" --scale 4", 4)] {
        let accepted = ended(&mut folder.bare_command(&format!("upscale a.png --device cpu{options}")));
        assert_eq!(accepted.code, Some(0), "{accepted:?}");
        let image = folder.read(&format!("a_x{scale}.png")).image;
        assert_eq!((image.width(), image.height()), (5 * scale, 4 * scale));
    }
}

#[test]
fn the_net_decides_the_scale() {
    let folder = Folder::new();
    let image = noise(4, 3, Layout::Rgb, 8);
    folder.image("a.png", &image);
    for scale in [2, 4] {
        folder.write("net.safetensors", &nearest(scale).write());
        let output = format!("a_x{scale}.png");
        folder.accept(&format!("a.png --scale {scale}"), &[&output]);
        assert_eq!(folder.read(&output).image, repeated(&image, scale));
    }
}

#[test]
fn a_damaged_weight_file_is_refused() {
    let folder = Folder::new();
    folder.image("a.png", &gradient(3, 3));
    let weights = nearest(3).write();
    for at in [0, 7, 8, 20, 60] {
        let mut damaged = weights.clone();
        damaged[at] ^= 0x55;
        folder.write("net.safetensors", &damaged);
        folder.refuse("a.png", 6, "net.safetensors");
    }
    for bytes in [&weights[..weights.len() - 1], b"", b"hello, world"] {
        folder.write("net.safetensors", bytes);
        folder.refuse("a.png", 6, "net.safetensors");
    }
    let endless = cfg!(unix).then_some("/dev/zero");
    for name in ["missing.safetensors", "."].into_iter().chain(endless) {
        let ended = ended(&mut folder.bare_command(&format!("upscale a.png --device cpu --model {name}")));
        assert_eq!(ended.code, Some(6), "{ended:?}");
        assert!(ended.stderr.contains(name), "{ended:?}");
    }
    assert_eq!(folder.names(), ["a.png"]);
}

#[test]
fn tiles_and_jobs_do_not_change_the_result() {
    let folder = Folder::new();
    let image = noise(37, 23, Layout::Rgb, 8);
    for name in ["a.png", "b.png", "c.png"] {
        folder.image(name, &image);
    }
    for options in ["--tile whole", "--tile 1", "--tile 8 --jobs 3", "--tile auto --jobs 1"] {
        assert_eq!(folder.run(&format!("a.png b.png c.png -o out/ --overwrite {options}")).code, Some(0));
        for name in ["out/a.png", "out/b.png", "out/c.png"] {
            assert_eq!(folder.read(name).image, repeated(&image, 3), "{options}");
        }
    }
}

#[test]
fn folders_are_gone_through() {
    let folder = Folder::new();
    folder.image("in/b.PNG", &gradient(3, 3));
    folder.image("in/a.jpg", &gradient(8, 8));
    folder.image("in/sub/deep/c.qoi", &gradient(3, 3));
    folder.write("in/notes.txt", b"no image");
    folder.accept("in -o out", &["out/a.jpg", "out/b.PNG"]);
    folder.accept("in -o all -r", &["all/a.jpg", "all/b.PNG", "all/sub/deep/c.qoi"]);
    folder.accept("in -o png/ -r --format png", &["png/a.png", "png/b.PNG", "png/sub/deep/c.png"]);
    folder.accept("in", &["in/a_x3.jpg", "in/b_x3.PNG"]);
    folder.refuse("in/sub", 1, "in/sub");
    folder.refuse("in -o -", 2, "-o -");
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let folder = Folder::new();
    folder.image("in/a.png", &gradient(3, 3));
    folder.write("in/b.png", b"broken");
    folder.image("in/c.png", &gradient(3, 3));
    let ended = folder.run("in missing.png -o out --json");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(folder.names(), ["in/a.png", "in/b.png", "in/c.png", "out/a.png", "out/c.png"]);
    assert!(ended.stderr.contains("in/b.png: not an image"), "{}", ended.stderr);
    assert!(ended.stderr.contains("missing.png: "), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("abpn: 2 of 4 inputs failed\n"), "{}", ended.stderr);
    let mut lines = lines(&ended);
    lines.sort_by_key(|line| line["input"].to_string());
    let told: Vec<_> =
        lines.iter().map(|line| (line["input"].as_str().unwrap(), line["status"].as_str().unwrap())).collect();
    let expected =
        [("in/a.png", "upscaled"), ("in/b.png", "failed"), ("in/c.png", "upscaled"), ("missing.png", "failed")];
    assert_eq!(told, expected);
    assert!(lines[1]["error"].as_str().unwrap().contains("in/b.png"));
}

#[test]
fn existing_outputs_are_kept_skipped_or_replaced() {
    let folder = Folder::new();
    let image = gradient(3, 3);
    folder.image("a.png", &image);
    folder.write("a_x3.png", b"mine");
    let mine = |is| assert_eq!(fs::read(folder.path("a_x3.png")).unwrap() == b"mine", is);
    let ended = folder.refuse("a.png", 1, "a_x3.png");
    assert!(ended.stderr.contains("--overwrite") && ended.stderr.contains("--skip-existing"), "{}", ended.stderr);
    mine(true);
    let ended = folder.accept("a.png --skip-existing --json", &[]);
    assert_eq!(lines(&ended)[0]["status"], "skipped");
    mine(true);
    folder.accept("a.png --overwrite", &[]);
    mine(false);
    assert_eq!(folder.read("a_x3.png").image, repeated(&image, 3));
}

fn lines(ended: &Ended) -> Vec<Value> {
    let text = std::str::from_utf8(&ended.stdout).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn json_tells_everything() {
    let folder = Folder::new();
    for bits in DEPTHS {
        let image = noise(4, 3, Layout::Rgb, bits);
        folder.image("a.png", &image);
        let lines = lines(&folder.run("a.png -o out.qoi --json --overwrite"));
        let [line] = &*lines else { panic!("{lines:?}") };
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        assert_eq!((text("input"), text("output")), ("a.png".to_owned(), "out.qoi".to_owned()));
        assert_eq!((text("status"), text("layout")), ("upscaled".to_owned(), "rgb".to_owned()));
        assert_eq!(text("device"), cpu_device());
        let numbers = ["input_width", "input_height", "output_width", "output_height", "bits"];
        assert_eq!(numbers.map(|name| line[name].as_u64().unwrap()), [4, 3, 12, 9, u64::from(bits)]);
        let raw: Vec<u8> = match repeated(&image, 3).into_samples() {
            Samples::U8(samples) => samples,
            Samples::U16(samples) => samples.into_iter().flat_map(u16::to_le_bytes).collect(),
        };
        let hash: String = Sha256::digest(raw).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text("sha256"), hash);
        let phases = ["decode", "upload", "compute", "read_back", "encode", "total"];
        let phases = phases.map(|phase| line["milliseconds"][phase].as_f64().unwrap());
        assert!(phases.iter().all(|&time| time >= 0.0) && phases[..5].iter().sum::<f64>() <= phases[5] + 0.01);
        assert_eq!(line["notes"].as_array().unwrap().len(), usize::from(bits == 16));
    }
}

#[test]
fn images_go_through_pipes() {
    let folder = Folder::new();
    let image = noise(5, 4, Layout::Rgb, 8);
    folder.image("a.qoi", &image);
    let file = || Stdio::from(File::open(folder.path("a.qoi")).unwrap());
    for (arguments, format) in
        [("-", Format::Png), ("- -o -", Format::Png), ("- -f qoi", Format::Qoi), ("- -o - -f pnm", Format::Pnm)]
    {
        let ended = ended(folder.command(arguments).stdin(file()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(Format::guess(&ended.stdout), Some(format));
        assert_eq!(decode(&ended.stdout, 1000).unwrap().0.image, repeated(&image, 3));
    }
    assert_eq!(ended(folder.command("- -o out.png").stdin(file())).code, Some(0));
    assert_eq!(folder.read("out.png").image, repeated(&image, 3));
    let ended = ended(&mut folder.command("-"));
    assert_eq!((ended.code, ended.stdout.len()), (Some(1), 0));
    assert!(ended.stderr.contains("standard input"), "{}", ended.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_or_closed_standard_output_is_an_error() {
    let folder = Folder::new();
    folder.image("a.png", &noise(50, 40, Layout::Rgb, 8));
    for arguments in ["a.png -o -", "a.png --json"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let full = ended(folder.command(arguments).arg("--overwrite").stdout(full));
        assert_eq!(full.code, Some(1), "{full:?}");
        assert!(full.stderr.contains("standard output"), "{full:?}");

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = ended(folder.command(arguments).arg("--overwrite").stdout(writer));
        assert_eq!(closed.code, Some(1), "{closed:?}");
        assert!(closed.stderr.contains("standard output"), "{closed:?}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let silent = folder.command("a.png -o out.png").stderr(writer).status().unwrap();
    assert_eq!(silent.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_no_file() {
    // A net so slow that the signal comes in the middle; a whole picture at once hears only the second signal.
    let slow = zeros(3, 12, 64);
    for (tile, signals) in [("16", 1), ("whole", 2)] {
        let folder = Folder::new();
        folder.write("net.safetensors", &slow.write());
        folder.image("a.png", &gradient(900, 900));
        folder.image("b.png", &gradient(900, 900));
        let mut child =
            folder.command(&format!("a.png b.png -o out --tile {tile}")).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        stderr.read_line(&mut said).unwrap();
        assert!(said.contains("running on"), "{said}");
        let start = Instant::now();
        for _ in 0..signals {
            std::thread::sleep(Duration::from_millis(300));
            assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        }
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130));
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_eq!(folder.names(), ["a.png", "b.png"]);
    }
}

#[test]
fn help_is_there() {
    let folder = Folder::new();
    let ended = ended(&mut folder.bare_command("upscale --help"));
    assert_eq!(ended.code, Some(0));
    let help = String::from_utf8(ended.stdout).unwrap();
    for said in ["Examples:", "--max-pixels", "--skip-existing", "[default: 2]", "whole"] {
        assert!(help.contains(said), "{help}");
    }
}
