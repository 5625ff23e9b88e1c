//! The extension module `tollway._core`: the only crate that names Python. One class, one function, bytes in, bytes out.
//!
//! Every call gives the interpreter up while it works, and no core thread ever takes it: Python can stand still for seconds without a
//! request noticing.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use std::time::Duration;

/// mimalloc with `local_dynamic_tls`: the plain build takes static TLS, of which a process that loads libraries late has too little.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often the simulator's caller looks for a signal that Python wants to handle.
const SIGNAL_POLL: Duration = Duration::from_millis(200);

/// The data plane of one process.
#[pyclass(frozen)]
struct Core(tollway_relay::Core);

#[pymethods]
impl Core {
    #[new]
    fn new(py: Python<'_>, config: PyBackedBytes) -> PyResult<Self> {
        py.detach(|| tollway_relay::Core::new(&config)).map(Core).map_err(PyValueError::new_err)
    }

    fn start(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.start()).map_err(PyRuntimeError::new_err)
    }

    fn apply<'py>(&self, py: Python<'py>, snapshot: PyBackedBytes) -> PyResult<Bound<'py, PyBytes>> {
        let applied = py.detach(|| self.0.apply(&snapshot)).map_err(PyValueError::new_err)?;
        Ok(PyBytes::new(py, applied.as_bytes()))
    }

    fn status<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let status = py.detach(|| self.0.status());
        PyBytes::new(py, status.as_bytes())
    }

    fn drain(&self, py: Python<'_>, timeout_ms: u64) -> bool {
        py.detach(|| self.0.drain(timeout_ms))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }
}

/// Runs the simulated provider until a signal's handler raises.
#[pyfunction]
fn simulator(py: Python<'_>, config: PyBackedBytes) -> PyResult<()> {
    let config = tollway_simulator::Config::from_json(&config).map_err(PyValueError::new_err)?;
    let running = py
        .detach(|| tollway_simulator::Simulator::start(config))
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    loop {
        py.check_signals()?;
        py.detach(|| std::thread::sleep(SIGNAL_POLL));
        let _ = &running;
    }
}

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Core>()?;
    module.add_function(wrap_pyfunction!(simulator, module)?)
}
