"""Problems of optimal stopping whose values others have published, set to the learners of this package."""
