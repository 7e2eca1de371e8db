//! A Vulkan device that is not there, to compile for: RADV's null device, or NVK's behind a shim.

use std::ffi::CStr;
use std::path::PathBuf;

use ash::{ext, khr, vk};

use crate::spirv::Kernel;

/// Where distributions put the descriptions of Vulkan drivers.
const DRIVER_FOLDERS: [&str; 3] = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/// What the driver made of a kernel.
pub struct Compiled {
    /// Statistics by the driver's own names.
    statistics: Vec<(String, u64)>,
    /// Disassembled machine code.
    pub isa: String,
}

impl Compiled {
    pub fn statistic(&self, name: &str) -> Result<u64, String> {
        let found = self.statistics.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = self.statistics.iter().map(|(name, _)| name.as_str()).collect();
            format!("the driver has no statistic {name:?}, but {names:?}")
        })
    }
}

/// The description of a Vulkan driver whose file begins so, where distributions put them.
pub fn described(name: &str) -> Option<String> {
    let descriptions = DRIVER_FOLDERS.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let is_it = |path: &PathBuf| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
    let description = descriptions.filter_map(|entry| Some(entry.ok()?.path())).find(is_it)?;
    Some(description.to_string_lossy().into_owned())
}

/// The environment in which a new process finds RADV alone, and in it a null device of `family`.
pub fn radv(family: &str) -> Result<Vec<(&'static str, String)>, String> {
    let description = described("radeon_icd").ok_or("RADV is not installed: apt-get install mesa-vulkan-drivers")?;
    Ok(vec![
        // The second is the older name of the first.
        ("VK_DRIVER_FILES", description.clone()),
        ("VK_ICD_FILENAMES", description),
        ("RADV_FORCE_FAMILY", family.to_owned()),
        ("MESA_SHADER_CACHE_DISABLE", "true".to_owned()),
    ])
}

/// A device that compiles and can't run anything.
pub struct NullDevice {
    // Keeps the Vulkan library loaded.
    _entry: ash::Entry,
    instance: ash::Instance,
    device: ash::Device,
    executable_properties: khr::pipeline_executable_properties::Device,
    /// The driver's version, as `Mesa 22.3.6`.
    pub driver: String,
}

impl NullDevice {
    /// Opens the first device that the environment shows, with the features that wgpu turns on; `robust` is one of them.
    pub fn open(robust: bool) -> Result<Self, String> {
        // SAFETY: loading the system's Vulkan loader runs its initialisers, which are sound to run.
        let entry = unsafe { ash::Entry::load() }.map_err(|error| format!("no Vulkan loader: {error}"))?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let instance_info = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: the structures are valid and outlive the call; `_entry` outlives the instance.
        let instance = unsafe { entry.create_instance(&instance_info, None) }.map_err(|error| error.to_string())?;
        // SAFETY: the instance is alive.
        let physical = unsafe { instance.enumerate_physical_devices() }.map_err(|error| error.to_string())?;
        let physical = *physical.first().ok_or("the driver offers no device of this family")?;
        let mut driver = vk::PhysicalDeviceDriverProperties::default();
        let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
        // SAFETY: `physical` belongs to the instance, and the chain is valid.
        unsafe { instance.get_physical_device_properties2(physical, &mut properties) };
        let driver = driver.driver_info_as_c_str().map_err(|error| error.to_string())?.to_string_lossy().into_owned();

        let extensions = [khr::pipeline_executable_properties::NAME, ext::robustness2::NAME].map(CStr::as_ptr);
        let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        // wgpu's robust access limits how the compiler merges loads.
        let core = vk::PhysicalDeviceFeatures::default().robust_buffer_access(robust);
        let mut robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(robust);
        let mut executable_info =
            vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let mut dot_product =
            vk::PhysicalDeviceShaderIntegerDotProductFeatures::default().shader_integer_dot_product(true);
        let mut int8 = vk::PhysicalDeviceShaderFloat16Int8Features::default().shader_int8(true);
        let device_info = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&extensions)
            .enabled_features(&core)
            .push_next(&mut robustness)
            .push_next(&mut executable_info)
            .push_next(&mut dot_product)
            .push_next(&mut int8);
        // SAFETY: `physical` belongs to the instance; the structures are valid and outlive the call.
        let device =
            unsafe { instance.create_device(physical, &device_info, None) }.map_err(|error| error.to_string())?;
        let executable_properties = khr::pipeline_executable_properties::Device::new(&instance, &device);
        Ok(Self { _entry: entry, instance, device, executable_properties, driver })
    }

    /// Compiles `kernel` as wgpu has it compiled.
    pub fn compile(&self, kernel: &Kernel) -> Result<Compiled, String> {
        self.with_pipeline(kernel, |pipeline| {
            let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
            Ok(Compiled { statistics: self.statistics(&info)?, isa: self.isa(&info)? })
        })
        .map_err(|error: vk::Result| error.to_string())
    }

    /// Makes the kernel's pipeline for as long as `read` needs it.
    fn with_pipeline<T>(
        &self,
        kernel: &Kernel,
        read: impl FnOnce(vk::Pipeline) -> Result<T, vk::Result>,
    ) -> Result<T, vk::Result> {
        let binding = |&(binding, descriptor_type)| {
            vk::DescriptorSetLayoutBinding::default()
                .binding(binding)
                .descriptor_type(descriptor_type)
                .descriptor_count(1)
                .stage_flags(vk::ShaderStageFlags::COMPUTE)
        };
        let bindings: Vec<_> = kernel.bindings.iter().map(binding).collect();
        let set_info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        let module_info = vk::ShaderModuleCreateInfo::default().code(&kernel.spirv);
        let flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
            | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
        // SAFETY: naga's SPIR-V is valid for the enabled features, the layout has every binding of the kernel, and each
        // object is destroyed once, after its last use; what an error leaves behind ends with the process.
        unsafe {
            let set = self.device.create_descriptor_set_layout(&set_info, None)?;
            let sets = [set];
            let layout_info = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = self.device.create_pipeline_layout(&layout_info, None)?;
            let module = self.device.create_shader_module(&module_info, None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(&kernel.entry_point);
            let pipeline_info = vk::ComputePipelineCreateInfo::default().flags(flags).stage(stage).layout(layout);
            let pipelines = self.device.create_compute_pipelines(vk::PipelineCache::null(), &[pipeline_info], None);
            let pipeline = pipelines.map_err(|(_, error)| error)?[0];
            let result = read(pipeline);
            self.device.destroy_pipeline(pipeline, None);
            self.device.destroy_shader_module(module, None);
            self.device.destroy_pipeline_layout(layout, None);
            self.device.destroy_descriptor_set_layout(set, None);
            result
        }
    }

    fn statistics(&self, info: &vk::PipelineExecutableInfoKHR) -> Result<Vec<(String, u64)>, vk::Result> {
        // SAFETY: `info` names a live pipeline that captured statistics; a compute pipeline's executable 0 is its only.
        let statistics = unsafe { self.executable_properties.get_pipeline_executable_statistics(info) }?;
        let integer = |statistic: &vk::PipelineExecutableStatisticKHR| {
            if statistic.format != vk::PipelineExecutableStatisticFormatKHR::UINT64 {
                return None;
            }
            let name = statistic.name_as_c_str().ok()?.to_string_lossy().into_owned();
            // SAFETY: `format` says which member of the union was written.
            Some((name, unsafe { statistic.value.u64 }))
        };
        Ok(statistics.iter().filter_map(integer).collect())
    }

    /// The last of the compiler's representations is the machine code.
    fn isa(&self, info: &vk::PipelineExecutableInfoKHR) -> Result<String, vk::Result> {
        let query = self.executable_properties.fp().get_pipeline_executable_internal_representations_khr;
        let mut count = 0;
        // SAFETY: `info` names a live pipeline that captured its representations; without an array, only their count is
        // written.
        unsafe { query(self.device.handle(), info, &mut count, std::ptr::null_mut()) }.result()?;
        let mut representations = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
        // SAFETY: the array has `count` entries; without buffers, only names and sizes are written.
        unsafe { query(self.device.handle(), info, &mut count, representations.as_mut_ptr()) }.result()?;
        let mut texts: Vec<_> = representations.iter().map(|entry| vec![0_u8; entry.data_size]).collect();
        for (entry, text) in representations.iter_mut().zip(&mut texts) {
            entry.p_data = text.as_mut_ptr().cast();
        }
        // SAFETY: each `p_data` points to `data_size` bytes that outlive the call.
        unsafe { query(self.device.handle(), info, &mut count, representations.as_mut_ptr()) }.result()?;
        let text = texts.pop().unwrap_or_default();
        Ok(String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned())
    }
}

impl Drop for NullDevice {
    fn drop(&mut self) {
        // SAFETY: every object of the device is destroyed by `with_pipeline`, and nothing uses either handle any more.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}
