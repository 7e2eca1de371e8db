//! `abpn video`: films that ffmpeg makes, through the program, and what ffmpeg says of the results.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use abpn::net::{Degradation, built_in};
use abpn::planar::{Format, Matrix, Planes, Range, Siting};
use abpn::{Image, Samples, SamplesMut, SamplesRef, Target, Upscaler};
use serde_json::Value;

use crate::program::{Ended, Folder, ended, nearest};

/// A moving picture of a size that may be odd.
fn pattern(size: &str) -> String {
    format!(
        "-f lavfi -i testsrc2=size=64x64:rate=30000/1001:duration=0.4,scale={}:flags=neighbor",
        size.replace('x', ":")
    )
}

/// Runs ffmpeg or ffprobe in a folder.
fn tool(folder: &Folder, program: &str, arguments: &str) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(["-v", "error"]).args(arguments.split_whitespace()).current_dir(folder.path("")).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}; scripts/test installs it"));
    assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn ffmpeg(folder: &Folder, arguments: &str) {
    tool(folder, "ffmpeg", &format!("-y {arguments}"));
}

/// What ffprobe says, as JSON.
fn probe(folder: &Folder, arguments: &str) -> Value {
    serde_json::from_slice(&tool(folder, "ffprobe", &format!("-of json {arguments}"))).unwrap()
}

/// `abpn video` on the CPU with a net that only repeats pixels.
fn video(folder: &Folder, arguments: &str) -> Command {
    folder.bare_command(&format!("video --model net.safetensors --device cpu {arguments}"))
}

fn accept(folder: &Folder, arguments: &str) -> Ended {
    let ended = ended(&mut video(folder, arguments));
    assert_eq!(ended.code, Some(0), "{arguments}: {ended:?}");
    ended
}

fn refuse(folder: &Folder, arguments: &str, code: i32, named: &str) {
    let before = folder.names();
    let ended = ended(&mut video(folder, arguments));
    assert_eq!(ended.code, Some(code), "{arguments}: {ended:?}");
    assert!(ended.stderr.contains(named), "{arguments}: {named:?} in {ended:?}");
    assert_eq!(folder.names(), before, "{arguments}");
}

/// Time stamps of the pictures, in the order in which they are shown, and the packets of all other streams.
fn packets(folder: &Folder, file: &str) -> (Vec<String>, Vec<String>) {
    let packets = probe(
        folder,
        &format!("-show_entries packet=codec_type,stream_index,pts_time,size,data_hash -show_data_hash md5 {file}"),
    );
    let packets = packets["packets"].as_array().unwrap().clone();
    let (pictures, others): (Vec<_>, Vec<_>) = packets.into_iter().partition(|packet| packet["codec_type"] == "video");
    let mut times: Vec<String> =
        pictures.iter().map(|packet| packet["pts_time"].as_str().unwrap().to_owned()).collect();
    times.sort_by(|a, b| a.parse::<f64>().unwrap().total_cmp(&b.parse().unwrap()));
    let mut others: Vec<String> = others.iter().map(ToString::to_string).collect();
    others.sort();
    (times, others)
}

/// The decoded pictures, as numbers that stand for them.
fn pictures(folder: &Folder, file: &str, pix_fmt: &str) -> Vec<u8> {
    tool(
        folder,
        "ffmpeg",
        &format!("-noautorotate -i {file} -map 0:v:0 -fps_mode passthrough -pix_fmt {pix_fmt} -f rawvideo -"),
    )
}

#[test]
fn all_beside_the_pictures_is_kept_and_each_frame_has_its_time() {
    let folder = Folder::new();
    folder.write("words.srt", b"1\n00:00:00,100 --> 00:00:00,300\nHello\n");
    folder.write("font.ttf", b"a font");
    let chapters = ";FFMETADATA1\ntitle=a_film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=one\n\
                    [CHAPTER]\nTIMEBASE=1/1000\nSTART=200\nEND=400\ntitle=two\n";
    folder.write("chapters.txt", chapters.as_bytes());
    // Every fifth frame is missing: the frame rate varies.
    ffmpeg(
        &folder,
        "-f lavfi -i testsrc2=size=32x18:rate=30000/1001:duration=0.4,select=mod(n\\,5) -f lavfi -i sine=duration=0.4 -f lavfi -i \
         sine=frequency=300:duration=0.4 -i words.srt -i chapters.txt -map 1 -map 0 -map 2 -map 3 -map_metadata 4 -map_chapters 4 \
         -metadata:s:a:0 language=fra -metadata:s:a:1 language=deu -metadata:s:v language=eng -metadata:s:v title=pictures \
         -disposition:a:1 default+forced -disposition:v 0 -attach font.ttf -metadata:s:t mimetype=font/ttf -fps_mode vfr -c:v libx264 \
         -bf 3 -c:a aac -c:s srt film.mkv",
    );
    accept(&folder, "film.mkv -o large.mkv --encoder libx264 --preset ultrafast");
    assert_eq!(packets(&folder, "large.mkv"), packets(&folder, "film.mkv"));
    let described = |file: &str| {
        let mut said = probe(&folder, &format!("-show_streams -show_chapters -show_format {file}"));
        let mut streams = Vec::new();
        for stream in said["streams"].as_array_mut().unwrap() {
            let tags = stream["tags"].as_object_mut().unwrap();
            tags.retain(|name, _| !name.starts_with("ENCODER") && !name.starts_with("DURATION"));
            streams.push([stream["codec_name"].take(), stream["tags"].take(), stream["disposition"].take()]);
        }
        (streams, said["chapters"].take(), said["format"]["tags"]["title"].take())
    };
    assert_eq!(described("large.mkv"), described("film.mkv"));
    assert_eq!(described("large.mkv").2, "a_film");
    // Nothing is left of the work.
    assert!(!folder.files().iter().any(|file| file.contains("abpn")));
}

/// Fields of the stream of pictures.
fn stream(folder: &Folder, file: &str) -> BTreeMap<String, Value> {
    let said = probe(folder, &format!("-select_streams v:0 -show_streams {file}"));
    said["streams"][0].as_object().unwrap().clone().into_iter().collect()
}

#[test]
fn shape_rotation_and_colours_are_kept() {
    let folder = Folder::new();
    let colours =
        "-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range pc -chroma_sample_location center";
    ffmpeg(&folder, &format!("{} -c:v libx264 -bf 2 -aspect 4:3 {colours} upright.mp4", pattern("32x18")));
    ffmpeg(&folder, "-i upright.mp4 -c copy -metadata:s:v rotate=90 film.mp4");
    accept(&folder, "film.mp4 -o large.mp4 --encoder libx264");
    let (small, large) = (stream(&folder, "film.mp4"), stream(&folder, "large.mp4"));
    let kept = "sample_aspect_ratio pix_fmt color_range color_space color_transfer color_primaries chroma_location time_base avg_frame_rate \
                start_pts side_data_list field_order";
    for name in kept.split_whitespace() {
        assert_eq!(small.get(name), large.get(name), "{name}");
    }
    assert_eq!(small["side_data_list"][0]["rotation"].as_i64().map(i64::abs), Some(90));
    assert_eq!((large["width"].as_i64(), large["height"].as_i64()), (Some(96), Some(54)));
    assert_eq!(packets(&folder, "large.mp4"), packets(&folder, "film.mp4"));
    // Where players can't be told, the pictures are turned.
    accept(&folder, "film.mp4 -o large.mkv --encoder libx264");
    let turned = stream(&folder, "large.mkv");
    assert_eq!((turned["width"].as_i64(), turned["height"].as_i64()), (Some(54), Some(96)));
    assert_eq!(turned["sample_aspect_ratio"], "4:3");
}

#[test]
fn time_stamps_that_begin_elsewhere_stay_there() {
    let folder = Folder::new();
    ffmpeg(&folder, &format!("{} -c:v libx264 -bf 2 film.ts", pattern("32x18")));
    accept(&folder, "film.ts -o large.ts --encoder libx264");
    let (times, _) = packets(&folder, "large.ts");
    assert!(times[0].parse::<f64>().unwrap() > 1.0);
    assert_eq!(times, packets(&folder, "film.ts").0);
}

#[test]
fn films_of_rgb_have_the_bytes_of_images() {
    let folder = Folder::new();
    ffmpeg(&folder, &format!("{} -frames:v 3 -c:v ffv1 -pix_fmt bgr0 film.mkv", pattern("33x17")));
    let mut command = folder.bare_command("video film.mkv -o large.mkv --device cpu --encoder ffv1 --net clean");
    assert_eq!(ended(&mut command).code, Some(0));
    let upscaler = Upscaler::new(built_in(3, Degradation::Clean).unwrap().net().unwrap(), Target::Cpu).unwrap();
    let small = pictures(&folder, "film.mkv", "rgb24");
    let expected: Vec<u8> = small
        .chunks_exact(33 * 17 * 3)
        .flat_map(|frame| {
            let large = upscaler.upscale(&Image::from_rgb8(33, 17, frame.to_vec()).unwrap()).unwrap();
            let Samples::U8(samples) = large.into_samples() else { panic!("8 bits") };
            samples
        })
        .collect();
    assert_eq!(expected.len(), 3 * 99 * 51 * 3);
    assert!(pictures(&folder, "large.mkv", "rgb24") == expected);
}

#[test]
fn planes_of_every_kind_have_the_library_s_bytes() {
    let folder = Folder::new();
    let upscaler = Upscaler::new(nearest(3), Target::Cpu).unwrap();
    let yuv = |across, down| {
        // MPEG-2's siting, where there is something to site.
        let siting = [Siting::First, if down == 1 { Siting::First } else { Siting::Middle }];
        Planes::Yuv { matrix: Matrix::Bt601, range: Range::Limited, across, down, siting }
    };
    let cases = [
        ("yuv420p", yuv(2, 2), 8),
        ("yuv422p", yuv(2, 1), 8),
        ("yuv444p", yuv(1, 1), 8),
        ("yuv440p", yuv(1, 2), 8),
        ("yuv411p", yuv(4, 1), 8),
        ("yuv410p", yuv(4, 4), 8),
        ("gray", Planes::Grey(Range::Full), 8),
        ("yuv420p10le", yuv(2, 2), 10),
        ("yuv422p12le", yuv(2, 1), 12),
        ("yuv444p16le", yuv(1, 1), 16),
        ("gray16le", Planes::Grey(Range::Full), 16),
        ("gbrp10le", Planes::Rgb, 10),
    ];
    for (pix_fmt, planes, bits) in cases {
        ffmpeg(&folder, &format!("{} -frames:v 2 -c:v ffv1 -pix_fmt {pix_fmt} film.mkv", pattern("33x17")));
        accept(&folder, "film.mkv -o large.mkv --encoder ffv1 --overwrite -q");
        assert_eq!(stream(&folder, "large.mkv")["pix_fmt"], pix_fmt);
        let small = Format::new(planes, bits, 33, 17).unwrap();
        let large = small.resized(99, 51).unwrap();
        let mut queue = upscaler.planar_frames(small, large, 1).unwrap();
        let mut expected = Vec::new();
        for frame in pictures(&folder, "film.mkv", pix_fmt).chunks_exact(small.samples() * small.sample_bytes()) {
            if bits == 8 {
                let mut result = vec![0_u8; large.samples()];
                queue.push(SamplesRef::U8(frame)).unwrap();
                queue.pop(SamplesMut::U8(&mut result)).unwrap();
                expected.extend(result);
            } else {
                let frame: Vec<u16> =
                    frame.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
                let mut result = vec![0_u16; large.samples()];
                queue.push(SamplesRef::U16(&frame)).unwrap();
                queue.pop(SamplesMut::U16(&mut result)).unwrap();
                expected.extend(result.iter().flat_map(|sample| sample.to_le_bytes()));
            }
        }
        assert!(!expected.is_empty() && pictures(&folder, "large.mkv", pix_fmt) == expected, "{pix_fmt}");
    }
}

#[test]
fn encoders_that_want_even_sizes_get_them_and_sizes_can_be_chosen() {
    let folder = Folder::new();
    ffmpeg(&folder, &format!("{} -frames:v 2 -c:v ffv1 -pix_fmt yuv420p film.mkv", pattern("33x17")));
    let size = |file: &str| {
        (stream(&folder, file)["width"].as_i64().unwrap(), stream(&folder, file)["height"].as_i64().unwrap())
    };
    let said = accept(&folder, "film.mkv -o even.mkv --encoder libx264").stderr;
    assert!(said.contains("100x52, which libx264 needs"), "{said}");
    assert_eq!(size("even.mkv"), (100, 52));
    accept(&folder, "film.mkv -o small.mkv --encoder libx264 --size 60x40");
    assert_eq!(size("small.mkv"), (60, 40));
    accept(&folder, "film.mkv -o high.mkv --encoder libx264 --height 34");
    assert_eq!(size("high.mkv"), (66, 34));
    refuse(&folder, "film.mkv -o x.mkv --height 99", 2, "only become smaller");
}

#[test]
fn what_would_be_ruined_and_what_is_no_film_is_refused() {
    let folder = Folder::new();
    ffmpeg(&folder, &format!("{} -c:v libx264 -frames:v 3 film.mkv", pattern("32x18")));
    ffmpeg(&folder, "-i film.mkv -c:v libx264 -color_trc smpte2084 -colorspace bt2020nc pq.mkv");
    ffmpeg(&folder, "-i film.mkv -c:v mpeg2video -flags +ildct+ilme -alternate_scan 1 -top 1 interlaced.mkv");
    ffmpeg(&folder, "-i film.mkv -c:v ffv1 -pix_fmt yuva420p alpha.mkv");
    ffmpeg(&folder, "-f lavfi -i sine=duration=0.1 sound.mka");
    folder.write("noise.mkv", b"this is no film");
    folder.write("empty.mkv", b"");
    for (film, code, named) in [
        ("pq.mkv", 1, "high dynamic range (PQ)"),
        ("interlaced.mkv", 1, "--deinterlace"),
        ("alpha.mkv", 1, "--no-alpha"),
        ("sound.mka", 1, "no video"),
        ("noise.mkv", 1, "Invalid data"),
        ("empty.mkv", 1, "empty.mkv"),
        ("missing.mkv", 1, "No such file"),
    ] {
        refuse(&folder, &format!("{film} -o x.mkv"), code, named);
    }
    for (options, code, named) in [
        ("-o x.mkv --encoder nope", 1, "no encoder \"nope\""),
        ("-o x.mkv --encoder libx264 --preset nope", 7, "invalid preset 'nope'"),
        ("-o x.mkv --ffmpeg /nonexistent/ffmpeg", 7, "--ffmpeg"),
        ("-o x.mkv --pix-fmt nv99", 1, "nv99"),
        ("-o film.mkv --overwrite", 2, "replace its source"),
        ("-o x", 2, "extension"),
        ("-o x.png", 2, "--still"),
        ("-o pq.mkv", 1, "--overwrite"),
    ] {
        refuse(&folder, &format!("film.mkv {options}"), code, named);
    }
    // Not in this container.
    folder.write("words.srt", b"1\n00:00:00,100 --> 00:00:00,300\nHello\n");
    ffmpeg(&folder, "-i film.mkv -i words.srt -c copy -c:s srt words.mkv");
    refuse(&folder, "words.mkv -o x.mp4 --encoder libx264", 7, "not all streams fit");
    accept(&folder, "interlaced.mkv -o x.mkv --deinterlace --encoder libx264");
    accept(&folder, "alpha.mkv -o x.mkv --overwrite --no-alpha --encoder libx264");
}

#[test]
fn a_film_that_is_cut_or_changes_its_size_is_no_success() {
    let folder = Folder::new();
    ffmpeg(&folder, "-f lavfi -i testsrc2=size=32x18:duration=2 -c:v libx264 -g 10 -movflags +faststart film.mp4");
    let whole = std::fs::read(folder.path("film.mp4")).unwrap();
    folder.write("cut.mp4", &whole[..whole.len() * 3 / 4]);
    let cut = ended(&mut video(&folder, "cut.mp4 -o large.mkv --encoder ffv1 --segment 5"));
    assert_eq!(cut.code, Some(7), "{cut:?}");
    assert!(cut.stderr.contains("--partial"), "{cut:?}");
    assert!(!folder.path("large.mkv").exists() && folder.path("large.mkv.abpn/00001.nut").exists());
    accept(&folder, "cut.mp4 -o part.mkv --encoder ffv1 --partial");
    let times = packets(&folder, "part.mkv").0;
    assert!((10..50).contains(&times.len()), "{}", times.len());

    ffmpeg(&folder, "-f lavfi -i testsrc2=size=32x18:duration=0.2 -c:v mpeg2video one.ts");
    ffmpeg(&folder, "-f lavfi -i testsrc2=size=64x36:duration=0.2 -c:v mpeg2video two.ts");
    let two = [std::fs::read(folder.path("one.ts")).unwrap(), std::fs::read(folder.path("two.ts")).unwrap()].concat();
    folder.write("both.ts", &two);
    let both = ended(&mut video(&folder, "both.ts -o both.mkv --encoder ffv1"));
    assert!(both.code != Some(0) && !folder.path("both.mkv").exists(), "{both:?}");
    assert!(both.stderr.contains("size of its frames changes"), "{both:?}");
}

#[test]
fn killed_at_any_moment_and_resumed_it_is_the_same_film() {
    let folder = Folder::new();
    ffmpeg(
        &folder,
        "-f lavfi -i testsrc2=size=64x36:duration=4 -f lavfi -i sine=duration=4 -c:v libx264 -c:a aac film.mkv",
    );
    let options = "--encoder libx264 --preset ultrafast --segment 7 -q";
    accept(&folder, &format!("film.mkv -o whole.mkv {options}"));
    let mut kills = 0;
    for round in 0..10 {
        let mut child = video(&folder, &format!("film.mkv -o parts.mkv --resume {options}")).spawn().unwrap();
        thread::sleep(Duration::from_millis(250 + 97 * round));
        kills += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(kills > 0);
    accept(&folder, &format!("film.mkv -o parts.mkv --resume {options}"));
    assert!(pictures(&folder, "parts.mkv", "yuv420p") == pictures(&folder, "whole.mkv", "yuv420p"));
    assert_eq!(packets(&folder, "parts.mkv"), packets(&folder, "whole.mkv"));
    // Another film's remains are not taken.
    let mut child = video(&folder, &format!("film.mkv -o other.mkv {options}")).spawn().unwrap();
    while !folder.path("other.mkv.abpn/00001.nut").exists() {
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    refuse(&folder, &format!("film.mkv -o other.mkv {options} --resume --crf 3"), 1, "begin anew with --overwrite");
    refuse(&folder, &format!("film.mkv -o other.mkv {options}"), 2, "--resume goes on");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_film_that_plays_and_can_go_on() {
    let folder = Folder::new();
    ffmpeg(&folder, "-f lavfi -i testsrc2=size=128x72:duration=16 -c:v libx264 -preset ultrafast film.mp4");
    let options = "--encoder libx264 --preset ultrafast --segment 20";
    let child = video(&folder, &format!("film.mp4 -o large.mp4 {options}")).stderr(Stdio::piped()).spawn().unwrap();
    while !folder.path("large.mp4.abpn/00001.nut").exists() {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let (all, some) = (packets(&folder, "film.mp4").0, packets(&folder, "large.mp4").0);
    assert!((20..all.len()).contains(&some.len()), "{}", some.len());
    assert_eq!(some, all[..some.len()]);
    let frames = pictures(&folder, "large.mp4", "gray").len() / (384 * 216);
    assert_eq!(frames, some.len());
    accept(&folder, &format!("film.mp4 -o large.mp4 --resume {options}"));
    assert_eq!(packets(&folder, "large.mp4").0, all);
}

/// Sends bytes through the program.
fn piped(folder: &Folder, arguments: &str, input: &[u8]) -> Ended {
    let mut command = video(folder, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ended { code: output.status.code(), stdout: output.stdout, stderr }
}

#[test]
fn frames_go_through_pipes() {
    let folder = Folder::new();
    for (colour, frame_len) in [
        ("420jpeg", 6 + 4),
        ("420mpeg2", 6 + 4),
        ("420paldv", 6 + 4),
        ("422", 14),
        ("444", 18),
        ("mono", 6),
        ("mono10", 12),
        ("420p10", 20),
    ] {
        let header = format!("YUV4MPEG2 W3 H2 F24:1 Ip A1:1 C{colour}\n");
        let frame = |value: u8| [&b"FRAME\n"[..], &vec![value % 4; frame_len]].concat();
        let input = [header.as_bytes(), &frame(1), &frame(2)].concat();
        let result = piped(&folder, "- -o - -q", &input);
        assert_eq!(result.code, Some(0), "{colour}: {result:?}");
        let expected = format!("YUV4MPEG2 W9 H6 F24:1 Ip A1:1 C{colour}\n");
        assert!(result.stdout.starts_with(expected.as_bytes()), "{colour}");
        let planes = if colour.starts_with("420") { 54 + 30 } else { frame_len * 9 };
        let planes = if colour == "420p10" {
            2 * planes
        } else if colour == "422" {
            54 + 60
        } else {
            planes
        };
        assert_eq!(result.stdout.len(), expected.len() + 2 * (6 + planes), "{colour}");
        // Damaged, cut, empty.
        let garbage = piped(&folder, "- -o - -q", &[&input, &b"garbage"[..]].concat());
        assert!(garbage.code == Some(1) && garbage.stderr.contains("something else"), "{garbage:?}");
        assert_eq!(piped(&folder, "- -o - -q", &input[..input.len() - 1]).code, Some(1));
        assert_eq!(piped(&folder, "- -o - -q", header.as_bytes()).code, Some(0));
        assert_eq!(piped(&folder, "- -o - -q", b"").code, Some(1));
    }
    let interlaced = piped(&folder, "- -o - -q", b"YUV4MPEG2 W2 H2 F25:1 It C420\n");
    assert!(interlaced.code == Some(1) && interlaced.stderr.contains("interlaced"), "{interlaced:?}");
    // To a file, and from one.
    let input =
        [&b"YUV4MPEG2 W4 H4 F30000:1001 Ip A1:1 C420jpeg\n"[..], &[&b"FRAME\n"[..], &[90; 24]].concat().repeat(5)]
            .concat();
    assert_eq!(piped(&folder, "- -o large.mkv --encoder ffv1", &input).code, Some(0));
    let expected: Vec<String> =
        ["0.000000", "0.033000", "0.067000", "0.100000", "0.133000"].map(str::to_owned).to_vec();
    assert_eq!(packets(&folder, "large.mkv").0, expected);
    let output = accept(&folder, "large.mkv -o - -q");
    assert!(output.stdout.starts_with(b"YUV4MPEG2 W36 H36 F30000:1001 Ip A1:1 C420"));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let folder = Folder::new();
    ffmpeg(&folder, "-f lavfi -i testsrc2=size=160x90:duration=4 -c:v ffv1 film.mkv");
    let mut child = video(&folder, "film.mkv -o - -q").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn one_frame_can_be_a_picture_and_a_part_a_film() {
    let folder = Folder::new();
    ffmpeg(&folder, "-f lavfi -i testsrc2=size=32x18:rate=10:duration=2 -c:v ffv1 -pix_fmt bgr0 film.mkv");
    accept(&folder, "film.mkv --still 0.5 -o still.png");
    let still = folder.read("still.png").image;
    let frame = tool(&folder, "ffmpeg", "-ss 0.5 -i film.mkv -frames:v 1 -pix_fmt rgb24 -f rawvideo -");
    let upscaler = Upscaler::new(nearest(3), Target::Cpu).unwrap();
    assert_eq!(still, upscaler.upscale(&Image::from_rgb8(32, 18, frame).unwrap()).unwrap());
    accept(&folder, "film.mkv --start 0.5 --duration 0.3 -o part.mkv --encoder ffv1");
    assert_eq!(packets(&folder, "part.mkv").0, ["0.000000", "0.100000", "0.200000"]);
    let (all, part) = (pictures(&folder, "film.mkv", "rgb24"), pictures(&folder, "part.mkv", "rgb24"));
    let frame_len = 96 * 54 * 3;
    assert_eq!(part.len(), 3 * frame_len);
    // The sixth frame, each pixel three times.
    let small = &all[5 * 32 * 18 * 3..6 * 32 * 18 * 3];
    assert_eq!(part[..3], small[..3]);
    assert_eq!(part[frame_len - 3..frame_len], small[small.len() - 3..]);
}

#[test]
fn the_net_is_chosen_by_the_codec() {
    let folder = Folder::new();
    ffmpeg(&folder, &format!("{} -frames:v 2 -c:v ffv1 lossless.mkv", pattern("32x18")));
    ffmpeg(&folder, "-i lossless.mkv -c:v libx264 -crf 20 lossy.mkv");
    for (film, net) in [("lossless.mkv", "net clean (ffv1"), ("lossy.mkv", "net light (h264")] {
        let mut command =
            folder.bare_command(&format!("video {film} -o x.mkv --overwrite -v --device cpu --encoder ffv1"));
        let ended = ended(&mut command);
        assert!(ended.code == Some(0) && ended.stderr.contains(net), "{ended:?}");
    }
}
