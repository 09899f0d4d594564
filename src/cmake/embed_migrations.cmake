# weir_embed_migrations(<target> <engine> <migration>...): compiles migrations/<engine>/<migration>.{up,down}.sql into
# <target> as weir::<engine>::migrations(), declared in drivers/<engine>/migrations.hpp. <migration> is NNNN_name.
function(weir_embed_migrations target engine)
  set(folder ${PROJECT_SOURCE_DIR}/migrations/${engine})
  set(script ${PROJECT_SOURCE_DIR}/src/cmake/embed_migrations_script.cmake)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${engine}_migrations.cpp)
  list(TRANSFORM ARGN REPLACE "(.+)" "${folder}/\\1.up.sql;${folder}/\\1.down.sql" OUTPUT_VARIABLE files)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -D engine=${engine} -D folder=${folder} -D "migrations=${ARGN}" -D output=${output} -P
            ${script}
    DEPENDS ${files} ${script}
    COMMENT "Embedding the ${engine} migrations"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
