//! The program `abpn`.

mod cli;
mod video;

fn main() -> std::process::ExitCode {
    quieten_wayland();
    cli::main()
}

/// Keeps Mesa's Vulkan drivers, which look for a Wayland desktop, from complaining where there is none.
///
/// Their client library prints an error, for each time that adapters are listed, unless `XDG_RUNTIME_DIR` is an absolute
/// path. Any will do, even of a folder that isn't there: then there is no desktop in it.
#[cfg(all(unix, not(target_vendor = "apple")))]
fn quieten_wayland() {
    const NAME: &str = "XDG_RUNTIME_DIR";
    if std::env::var_os(NAME).is_none_or(|folder| !std::path::Path::new(&folder).is_absolute()) {
        #[expect(unsafe_code, reason = "changing the environment is unsafe beside other threads")]
        // SAFETY: this is the first thing that the program does; no other thread can read the environment.
        unsafe {
            std::env::set_var(NAME, "/nonexistent");
        }
    }
}

#[cfg(not(all(unix, not(target_vendor = "apple"))))]
fn quieten_wayland() {}
