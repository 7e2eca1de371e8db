//! How an upscaler starts: which device it takes, what it tests and times there, and what of that it remembers.

#[cfg(test)]
mod tests;
mod tuned;

use std::sync::Arc;
use std::time::Duration;

use crate::cache::{self, Cache};
use crate::clock::Instant;
use crate::net::Net;
use crate::options::When;
use crate::selftest::verdict;
use crate::upscaler::Upscaler;
use crate::{Error, Result, cpu, gpu};

/// What runs the net.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Target {
    /// The best real GPU if there is one and it passes the self-test, else the CPU, and [`Upscaler::fallback`] says why;
    /// never a software rasteriser, unless `WGPU_ADAPTER_NAME` names it.
    #[default]
    Auto,
    /// The CPU: always there, the same bytes. The environment variable [`cpu::CPU_VARIABLE`] names one of its kernels.
    Cpu,
    /// One of the adapters of this machine, or an error.
    Gpu(gpu::Choice),
    /// This adapter, whatever it is; one of [`gpu::adapters`].
    Adapter(wgpu::Adapter),
    /// A device of the caller's. Its callbacks for lost devices and uncaptured errors stay the caller's.
    Device(wgpu::Device, wgpu::Queue),
}

/// How an upscaler started.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Startup {
    /// How long it took to find the adapter; zero on the CPU, as are the next two.
    pub adapter: Duration,
    /// To open it, and to compile the pipelines.
    pub pipelines: Duration,
    /// To time the kernels; zero if that was not done.
    pub tuning: Duration,
    /// To test it; next to nothing if it passed before, and is remembered.
    pub self_test: Duration,
    /// What the kernels took, if they were timed now.
    pub tuned: Option<gpu::Tuning>,
    /// Why the kernels that the cache remembers were not taken, if so.
    pub ignored: Option<String>,
    /// Why [`Target::Auto`] took the CPU, if so.
    pub fallback: Option<Error>,
}

/// Makes an [`Upscaler`].
///
/// ```
/// use abpn::{Net, Target, Upscaler, When, net::ABPN_X3};
///
/// let upscaler = Upscaler::builder(Net::read(ABPN_X3)?).target(Target::Auto).self_test(When::Once).build()?;
/// if let Some(why) = upscaler.fallback() {
///     eprintln!("on the CPU, since {why}");
/// }
/// # Ok::<(), abpn::Error>(())
/// ```
#[must_use = "it makes nothing before `build`"]
pub struct Builder<'a> {
    net: Arc<Net>,
    target: Target,
    cache: Option<&'a dyn Cache>,
    kernels: Option<gpu::Kernels>,
    tune: When,
    self_test: Option<When>,
    device: gpu::DeviceOptions,
}

impl Upscaler {
    /// An upscaler for `net`, to be made as the builder is told.
    pub fn builder(net: Net) -> Builder<'static> {
        Builder {
            net: Arc::new(net),
            target: Target::default(),
            cache: None,
            kernels: None,
            tune: When::Never,
            self_test: None,
            device: gpu::DeviceOptions::default(),
        }
    }
}

impl<'a> Builder<'a> {
    /// Where to run; [`Target::Auto`] if it isn't said.
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Remembers there what the start finds out, and begins with what it remembers.
    pub fn cache<'b>(self, cache: &'b dyn Cache) -> Builder<'b>
    where
        'a: 'b,
    {
        Builder { cache: Some(cache), ..self }
    }

    /// Which kernel computes which layer on a GPU, where it can. Without this, those that [`Builder::tune`] or the cache
    /// knows to be the fastest, else those that are likely to be.
    pub fn kernels(mut self, kernels: gpu::Kernels) -> Self {
        self.kernels = Some(kernels);
        self
    }

    /// When to time a GPU's kernels and take the fastest: [`When::Never`] if it isn't said. It takes a second or two on a
    /// real GPU. On software drivers it takes a minute, and one kernel is always the fastest there: [`When::Once`] spares
    /// them. Nothing is timed if [`Builder::kernels`] says which to take.
    pub fn tune(mut self, when: When) -> Self {
        self.tune = when;
        self
    }

    /// When to compare the device with the reference: [`When::Once`] if it isn't said, but [`When::Never`] for the CPU, and
    /// for adapters and devices of the caller's. Kernels with cooperative matrices, which are experimental in wgpu and in
    /// drivers, are tested even then.
    pub fn self_test(mut self, when: When) -> Self {
        self.self_test = Some(when);
        self
    }

    /// The longest that a GPU may take for one tile, before [`Error::Timeout`]; 120 s if it isn't said. A tile is a
    /// fraction of a second on a slow GPU, and seconds on a software driver.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.device.timeout = timeout;
        self
    }

    /// GPU memory that may be kept between pictures so that the next is spared its allocation, in bytes; 512 MiB if it isn't
    /// said.
    pub fn idle_bytes(mut self, bytes: u64) -> Self {
        self.device.idle_bytes = bytes;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if none fits the choice; [`Error::Adapter`] if the adapter lacks what the kernels need. Instead of
    /// these two [`Target::Auto`] takes the CPU, unless `WGPU_ADAPTER_NAME` names the adapter.
    ///
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::Timeout`] or [`Error::Gpu`] if the adapter refuses the kernels;
    /// [`Error::SelfTest`] if it computes wrong bytes. Instead of these [`Target::Auto`] takes the CPU.
    ///
    /// [`Error::CpuKernel`] if `ABPN_CPU` names a kernel that this machine
    /// can't run.
    pub fn build(self) -> Result<Upscaler> {
        match self.target.clone() {
            Target::Auto => self.auto(),
            Target::Cpu => self.on_cpu(self.self_test.unwrap_or(When::Never), None),
            Target::Gpu(choice) => self.on_choice(&choice),
            Target::Adapter(adapter) => self.on_adapter(&adapter, Duration::ZERO, When::Never),
            Target::Device(device, queue) => {
                let context = gpu::Context::borrow(device, queue, self.device);
                self.on_context(context, Startup::default(), Instant::now(), When::Never)
            }
        }
    }

    fn auto(self) -> Result<Upscaler> {
        let choice = gpu::Choice::from_env();
        let error = match self.on_choice(&choice) {
            Ok(upscaler) => return Ok(upscaler),
            Err(error) => error,
        };
        match (&error, choice) {
            // Nothing is wrong with a machine without a real GPU, but a name that fits none is a mistake.
            (Error::NoAdapter { .. } | Error::Adapter { .. }, gpu::Choice::Best) => log::debug!("{error}"),
            (Error::NoAdapter { .. } | Error::Adapter { .. }, _) => return Err(error),
            _ => log::warn!("{error}; the CPU takes over"),
        }
        self.on_cpu(self.self_test.unwrap_or(When::Once), Some(error))
    }

    fn on_cpu(&self, self_test: When, fallback: Option<Error>) -> Result<Upscaler> {
        let engine = cpu::Engine::new(Arc::clone(&self.net))?;
        let start = Instant::now();
        if self_test != When::Never {
            verdict::passed(&engine, self_test, self.cache)?;
        }
        Ok(Upscaler::on_cpu(engine, Startup { self_test: start.elapsed(), fallback, ..Startup::default() }))
    }

    fn on_choice(&self, choice: &gpu::Choice) -> Result<Upscaler> {
        let start = Instant::now();
        let adapter = gpu::choose(choice)?;
        log::debug!("chose {}", adapter.label());
        self.on_adapter(&adapter.adapter, start.elapsed(), When::Once)
    }

    fn on_adapter(&self, adapter: &wgpu::Adapter, finding: Duration, default: When) -> Result<Upscaler> {
        let start = Instant::now();
        let context = gpu::Context::open(adapter, self.device)?;
        self.on_context(context, Startup { adapter: finding, ..Startup::default() }, start, default)
    }

    /// On a device that has been being opened since `start`; `default` says when it is tested if the caller doesn't.
    fn on_context(
        &self,
        context: gpu::Context,
        mut startup: Startup,
        start: Instant,
        default: When,
    ) -> Result<Upscaler> {
        let info = context.device.adapter_info();
        let pipelines = gpu::pipelines_key(&info).map(|key| cache::name("pipelines", key, "bin"));
        let kept = self.cache.zip(pipelines.as_ref());
        let saved = kept.and_then(|(cache, name)| cache.read(name)).unwrap_or_default();
        let context = Arc::new(context.with_pipelines(&saved));
        let known = match self.cache.filter(|_| self.kernels.is_none() && self.tune != When::Always) {
            Some(cache) => tuned::remembered(cache, &info, &self.net),
            None => Ok(None),
        };
        let known = known.unwrap_or_else(|why| {
            startup.ignored = Some(why);
            None
        });
        let is_known = self.kernels.is_some() || known.is_some();
        let kernels = self.kernels.clone().or(known);
        let mut engine = gpu::Untested::new(context, Arc::clone(&self.net), kernels)?;
        startup.pipelines = start.elapsed();
        log::debug!("{}: pipelines after {:?}", gpu::label(&info), startup.pipelines);

        let start = Instant::now();
        let is_untuned = self.tune == When::Once && !is_known && info.device_type != wgpu::DeviceType::Cpu;
        if self.kernels.is_none() && (self.tune == When::Always || is_untuned) {
            log::info!("timing the kernels on {}, once", gpu::label(&info));
            let tuning = engine.tune()?;
            if let Some(cache) = self.cache {
                tuned::remember(cache, &info, &self.net, &tuning);
            }
            engine = engine.with_kernels(tuning.kernels.clone())?;
            startup.tuned = Some(tuning);
            startup.tuning = start.elapsed();
        }

        let start = Instant::now();
        let engine = match self.self_test.unwrap_or(default) {
            When::Never => engine.trusted()?,
            when => {
                let passed = verdict::passed(engine.subject(), when, self.cache)?;
                engine.proven(&passed)?
            }
        };
        startup.self_test = start.elapsed();
        if let (Some((cache, name)), Some(pipelines)) = (kept, engine.pipelines()) {
            cache.write(name, &pipelines);
        }
        Ok(Upscaler::on_gpu(engine, startup))
    }
}
