//! The adapters that wgpu sees, and the choice of one.

use super::context::{self, label};
use super::kernels::Family;
use crate::{Error, Result};

/// One adapter through one backend; a GPU with two drivers is two adapters.
#[derive(Debug)]
#[non_exhaustive]
pub struct Adapter {
    /// Its place in the list of [`adapters`](super::adapters).
    pub index: usize,
    /// Name, backend, type and driver.
    pub info: wgpu::AdapterInfo,
    /// The adapter, to open a device of one's own on.
    pub adapter: wgpu::Adapter,
}

impl Adapter {
    /// Whether it computes on the CPU: a software rasteriser.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Name and backend, for people.
    pub fn label(&self) -> String {
        label(&self.info)
    }

    /// Whether it has what the kernels need.
    ///
    /// # Errors
    /// [`Error::Adapter`] says what it lacks.
    pub fn check(&self) -> Result<()> {
        context::check(&self.adapter)
    }

    /// The kernel families that it can run; none if it lacks what all of them need.
    pub fn families(&self) -> Vec<Family> {
        if self.check().is_err() {
            return Vec::new();
        }
        let sides = self.matrix_sides();
        let has = |family: &Family| match family {
            Family::Matrix { side } => sides.contains(side),
            Family::Dot4 | Family::Fma => true,
        };
        Family::ALL.into_iter().filter(has).collect()
    }

    /// The features of wgpu that abpn uses where they are there, and whether they are.
    pub fn features(&self) -> Vec<(&'static str, bool)> {
        let features = self.adapter.features();
        let used = [
            ("timestamp query", wgpu::Features::TIMESTAMP_QUERY),
            ("pipeline cache", wgpu::Features::PIPELINE_CACHE),
            ("f16 in shaders", wgpu::Features::SHADER_F16),
            ("subgroups", wgpu::Features::SUBGROUP),
            ("cooperative matrices", wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
        ];
        used.map(|(name, feature)| (name, features.contains(feature))).to_vec()
    }

    /// The limits that decide how large tiles are and which kernels run, in bytes but for the last two, which count workgroups
    /// and invocations.
    pub fn limits(&self) -> Vec<(&'static str, u64)> {
        let limits = self.adapter.limits();
        vec![
            ("buffer", limits.max_buffer_size),
            ("storage binding", limits.max_storage_buffer_binding_size),
            ("uniform binding", limits.max_uniform_buffer_binding_size),
            ("workgroup memory", limits.max_compute_workgroup_storage_size.into()),
            ("workgroups per axis", limits.max_compute_workgroups_per_dimension.into()),
            ("invocations per workgroup", limits.max_compute_invocations_per_workgroup.into()),
        ]
    }

    /// Rows and columns of the square matrices of f16, with sums in f32, that it multiplies.
    pub fn matrix_sides(&self) -> Vec<usize> {
        context::matrix_sides(&self.adapter)
    }

    /// Where it stands among the adapters of a machine: smaller is preferred, equal ones by their index. Discrete before
    /// integrated ones, native backends before GL.
    pub fn rank(&self) -> (u8, u8) {
        let device = match self.info.device_type {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::VirtualGpu => 2,
            wgpu::DeviceType::Other => 3,
            wgpu::DeviceType::Cpu => 4,
        };
        (device, u8::from(self.info.backend == wgpu::Backend::Gl))
    }
}

/// Which adapter to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The best real GPU; never a software rasteriser.
    #[default]
    Best,
    /// The one at this place of [`adapters`](super::adapters).
    Index(usize),
    /// The best one whose name or backend contains this text, in any case; a software rasteriser too.
    Name(String),
}

impl Choice {
    /// The adapter that `WGPU_ADAPTER_NAME` names, or the best one.
    pub fn from_env() -> Self {
        match std::env::var("WGPU_ADAPTER_NAME") {
            Ok(name) if !name.is_empty() => Self::Name(name),
            _ => Self::Best,
        }
    }
}

impl std::str::FromStr for Choice {
    type Err = std::convert::Infallible;

    /// A number is an index, anything else a part of a name.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index))
    }
}

/// The adapters of some backends, in a stable order. `WGPU_BACKEND` restricts them further.
pub(super) async fn found(backends: wgpu::Backends) -> Vec<Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends &= backends;
    // The same behaviour in debug builds as in release builds.
    descriptor.flags = wgpu::InstanceFlags::empty().with_env();
    let backends = descriptor.backends;
    let instance = wgpu::Instance::new(descriptor);
    let found = instance.enumerate_adapters(backends).await;
    let entry = |(index, adapter): (usize, wgpu::Adapter)| Adapter { index, info: adapter.get_info(), adapter };
    found.into_iter().enumerate().map(entry).collect()
}

/// Takes one of all adapters.
///
/// # Errors
/// [`Error::NoAdapter`] if none fits, with the list of those that there are.
pub(super) async fn chosen(choice: &Choice) -> Result<Adapter> {
    let fits = |adapter: &Adapter| match choice {
        Choice::Best => !adapter.is_software(),
        Choice::Index(index) => adapter.index == *index,
        Choice::Name(name) => adapter.label().to_lowercase().contains(&name.to_lowercase()),
    };
    if !matches!(choice, Choice::Index(_)) {
        // GL takes a while to start, and is only needed where no native backend has a real GPU that fits.
        let native = found(wgpu::Backends::PRIMARY).await.into_iter();
        let fitting = native.filter(|adapter| !adapter.is_software() && fits(adapter));
        if let Some(adapter) = fitting.min_by_key(Adapter::rank) {
            return Ok(adapter);
        }
    }
    let mut adapters = found(wgpu::Backends::all()).await;
    adapters.sort_by_key(Adapter::rank);
    match adapters.iter().position(fits) {
        Some(index) => Ok(adapters.swap_remove(index)),
        None => {
            adapters.sort_by_key(|adapter| adapter.index);
            let wanted = match choice {
                Choice::Best => None,
                Choice::Index(index) => Some(format!("with index {index}")),
                Choice::Name(name) => Some(format!("that is called {name:?}")),
            };
            let seen = adapters.iter().map(|adapter| format!("{}: {}", adapter.index, adapter.label())).collect();
            Err(Error::NoAdapter { wanted, seen })
        }
    }
}
