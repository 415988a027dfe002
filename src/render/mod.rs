//! An instance to objects, by its kind's templates.
