"""What a command does, from request to artefact: joins studies, science and store; reports through Progress."""
