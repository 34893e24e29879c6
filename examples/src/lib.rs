//! Examples: quickstarts and the survival demo.
